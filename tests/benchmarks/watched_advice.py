"""Advice in worlds in which it is clear what is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.benchmarks.claims import Line, many_of, share_of
from tests.benchmarks.watched_looks import as_of, last_look
from tests.benchmarks.watched_worlds import Change, World, live, scorer_of, use_case_of
from training.performance import Action, advise, judge
from training.performance.maturity import DAY

TELLS_ALL = World(tells="all")
_BUSY = replace(TELLS_ALL, per_day=120)
# Twelve weeks of matured decisions since the change, ten thousand, but for the last.
CASES: dict[str, tuple[World, Action]] = {
    "nothing has changed": (_BUSY, Action.WAIT),
    "records drift, the relation holds": (replace(_BUSY, change=Change(150, drift=0.7)), Action.WAIT),
    "log-odds 0.5 higher": (replace(_BUSY, change=Change(120, shift=0.5)), Action.RECALIBRATE),
    "log-odds 0.5 lower": (replace(_BUSY, change=Change(120, shift=-0.5)), Action.RECALIBRATE),
    "scores twice too extreme": (replace(_BUSY, change=Change(120, stretched=2.0)), Action.RECALIBRATE),
    "scores half as extreme as they should be": (
        replace(_BUSY, change=Change(120, stretched=0.5)),
        Action.RECALIBRATE,
    ),
    "debt means nothing any more": (
        replace(_BUSY, change=Change(120, weights=(0.0, -0.7, -0.5))),
        Action.RETRAIN,
    ),
    "income means the opposite": (
        replace(_BUSY, change=Change(120, weights=(1.0, 0.7, -0.5))),
        Action.RETRAIN,
    ),
    "records of another population": (replace(_BUSY, change=Change(120, drift=3.0)), Action.RETRAIN),
    "all is bad at once, and little has matured": (
        World(days=160, per_day=12, tells="all", change=Change(118, shift=4.0)),
        Action.PERSON,
    ),
}


def advice_is_right(share: float) -> list[Line]:
    """Ask for advice at the end of worlds in which what is right is clear."""
    found, right, asked = [], 0, 0
    for words, (world, action) in CASES.items():
        many = many_of(30, share)
        hits = sum(advice_at_end(world, seed) is action for seed in range(many))
        right, asked = right + hits, asked + many
        found.append(Line(f"advice where {words}: {action}", share_of(hits, many), many))
    in_all = Line("advice right in all clear cases (stated: at least 90 %)", share_of(right, asked), asked)
    return [*found, in_all, *_advice_at_alarm(many_of(12, share))]


def _advice_at_alarm(many: int) -> list[Line]:
    changes = [case for case in CASES.values() if case[1] in (Action.RECALIBRATE, Action.RETRAIN)]
    alarms = [
        found
        for world, action in changes
        for seed in range(many)
        if (found := _after_alarm(world, seed, action))
    ]
    return [
        Line(f"the same {when}", share_of(sum(found[days] for found in alarms), len(alarms)), len(alarms))
        for days, when in ((0, "on the day of the alarm"), (14, "two weeks after it"))
    ]


def _after_alarm(world: World, seed: int, right: Action) -> dict[int, bool] | None:
    """Return whether the advice is right so many days after the alarm on calibration; None without an alarm."""
    lived, scorer = live(world, seed), scorer_of(world.intercept)
    use_case = use_case_of(world)
    alarm = judge(lived.observed, lived.told, scorer, use_case, lived.now).alarm
    if alarm.raised_on is None:
        return None
    day = int(np.datetime64(alarm.raised_on, "us").astype(np.int64)) + DAY
    looks = {days: min(day + days * DAY, lived.now) for days in (0, 14)}
    return {
        days: advise(None, judge(*as_of(lived, now), scorer, use_case, now)).action is right
        for days, now in looks.items()
    }


def advice_at_end(world: World, seed: int) -> Action:
    """Return what is advised at the end of a world."""
    lived, scorer = live(world, seed), scorer_of(world.intercept)
    performance = judge(lived.observed, lived.told, scorer, use_case_of(world), lived.now)
    return advise(last_look(lived, scorer, world.monitoring), performance).action
