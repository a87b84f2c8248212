"""What watching a model may claim, by simulation: how often it cries wolf, what it finds, and how soon.

    python tests/benchmarks/monitoring.py [--share 1.0] [--json] [false-alarms] [alarm] [maturity] [advice]

Everything goes through the product's own functions, without HTTP and log: worlds of `watched_worlds.py`, in which the
truth is known. --share 0.1 takes a tenth of the repetitions. Intervals are 95 %: Wilson's for shares, of the mean for
means.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from tests.benchmarks.claims import Line, many_of, share_of, table
from tests.benchmarks.watched_advice import TELLS_ALL, advice_is_right
from tests.benchmarks.watched_looks import drift_alarms, ranking_alarms
from tests.benchmarks.watched_worlds import (
    BEGIN,
    INTERCEPT,
    Change,
    Lived,
    World,
    live,
    scorer_of,
    use_case_of,
)
from training.intervals import mean_with_interval
from training.performance.alarm import Bounds, Entering, calibration_alarm
from training.performance.figures import Known, weighted_mean
from training.performance.maturity import DAY
from training.performance.reference import usual_log_odds
from training.performance.seen import Seen, see

YEAR = 365
# Log-odds that give bad rates of about so much, and decisions a day that suffice.
BASES = {"20 %": (INTERCEPT, 100), "6 %": (-3.5, 200), "2 %": (-4.9, 500)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    lines: list[Line] = []
    for part in options.parts or PARTS:
        begun = time.process_time()
        lines += PARTS[part](options.share)
        print(f"{part}: {time.process_time() - begun:.0f} s of processor time", file=sys.stderr)  # noqa: T201
    text = json.dumps([vars(line) for line in lines], indent=2) if options.json else table(lines)
    print(text)  # noqa: T201


def false_alarms(share: float) -> list[Line]:
    """Look daily for a year at worlds in which nothing changes."""
    right = _rate(lambda seed: _alarm_of(_year(seed)), many_of(500, share))
    edge = replace(TELLS_ALL, days=YEAR, change=Change(0, shift=TELLS_ALL.monitoring.tolerated_shift))
    tolerated = _rate(lambda seed: _alarm_of(live(edge, seed)), many_of(150, share))
    everything = _rate(lambda seed: any_alarm(_year(seed)), many_of(80, share))
    return [
        Line("false calibration alarms a year, probabilities right (stated: at most 2.5 %)", *right),
        Line("the same, log-odds wrong by the tolerated 0.1 all year", *tolerated),
        Line(
            "any false finding a year, warnings too: calibration, ranking, columns, score, bad rate "
            "(stated: at most 5 %)",
            *everything,
        ),
    ]


def any_alarm(lived: Lived) -> bool:
    """Return whether a year of daily looks found anything: calibration, ranking or drift."""
    scorer, monitoring = scorer_of(), use_case_of(TELLS_ALL).monitoring
    return (
        _alarm_of(lived)
        or drift_alarms(lived, scorer, monitoring)
        or ranking_alarms(lived, scorer, monitoring)
    )


def alarm_finds(share: float) -> list[Line]:
    """Shift the truth by 0.3 in log-odds after 120 days, and count matured outcomes until the alarm."""
    found = []
    for base, (intercept, per_day) in BASES.items():
        for shift in (0.3, -0.3):
            world = World(300, per_day, Change(120, shift=shift), "all", intercept=intercept)
            needed = np.array([_needed(world, seed) for seed in range(many_of(40, share))])
            half, most = np.quantile(needed, [0.5, 0.9], method="higher")
            measured = f"half within {half:,.0f} matured outcomes, nine of ten within {most:,.0f}"
            words = "higher" if shift > 0 else "lower"
            found.append(Line(f"bad rate {base}, log-odds 0.3 {words}: found", measured, len(needed)))
    return found


def maturity_matters(share: float) -> list[Line]:
    """Estimate the bad rate after 120 days, of which the last 30 have not matured, and of declines that are told."""
    world = World(days=120, per_day=150)
    many = many_of(400, share)
    mature, naive = (
        np.array([_error(world, seed, kind) for seed in range(many)]) for kind in ("mature", "naive")
    )
    told = replace(world, accepted_declines=0.1)
    weighted, alone = (
        np.array([_error_of_all(told, seed, accept) for seed in range(many)]) for accept in (True, False)
    )
    return [
        Line("bad rate of approved cases, mature estimate: bias", *_bias(mature)),
        Line("the same from all that is told so far (naive): bias", *_bias(naive)),
        Line(
            "bad rate of approved and declined cases, 10 % of the declines accepted at random and weighted: bias",
            *_bias(weighted),
        ),
        Line("the same from approved cases alone: bias", *_bias(alone)),
    ]


def _year(seed: int) -> Lived:
    # A year of looks at something that has matured.
    return live(replace(TELLS_ALL, days=YEAR + TELLS_ALL.monitoring.maturity_days, per_day=20), seed)


def _seen(lived: Lived, world: World) -> Seen:
    return see(lived.observed, lived.told, scorer_of().tag, use_case_of(world).monitoring, lived.now)


def _alarm_of(lived: Lived) -> bool:
    monitoring = use_case_of(TELLS_ALL).monitoring
    seen = _seen(lived, TELLS_ALL)
    rows = seen.counted
    bounds = Bounds(
        monitoring.alpha_calibration,
        monitoring.tolerated_shift,
        usual_log_odds(scorer_of().evidence, lived.truth),
    )
    found = calibration_alarm(Entering(seen.known(rows), seen.at[rows], seen.counted_at[rows]), bounds)
    return found.raised_on is not None


def _needed(world: World, seed: int) -> float:
    """Return how many decisions made since the change had matured when the alarm was raised; infinite if it was not."""
    lived = live(world, seed)
    monitoring = world.monitoring
    seen = _seen(lived, world)
    rows = seen.counted
    centre = usual_log_odds(scorer_of(world.intercept).evidence, lived.truth)
    bounds = Bounds(monitoring.alpha_calibration, monitoring.tolerated_shift, centre)
    found = calibration_alarm(Entering(seen.known(rows), seen.at[rows], seen.counted_at[rows]), bounds)
    if found.raised_on is None:
        return float("inf")
    looked = int(np.datetime64(found.raised_on, "us").astype(np.int64)) + DAY
    since = seen.at >= BEGIN + world.change.from_day * DAY
    return float((rows & since & (seen.counted_at < looked)).sum())


def _error(world: World, seed: int, kind: str) -> tuple[float, bool]:
    """Return the error of the bad rate of approved cases, and whether its interval holds the truth."""
    lived = live(world, seed)
    seen = _seen(lived, world)
    rows = seen.counted if kind == "mature" else seen.told
    return _against(seen.known(rows), float(lived.truth[lived.observed.decisions == 0].mean()))


def _error_of_all(world: World, seed: int, accept: bool) -> tuple[float, bool]:
    lived = live(world, seed)
    seen = _seen(lived, world if accept else replace(world, accepted_declines=0.0))
    # Referred cases have no outcome here: the truth is of those that are approved or declined.
    truth = float(lived.truth[lived.observed.decisions != 1].mean())
    return _against(seen.known(seen.counted), truth)


def _against(known: Known, truth: float) -> tuple[float, bool]:
    found = weighted_mean(known.bad, known.weights)
    return found.value - truth, found.low <= truth <= found.high


def _bias(found: FloatArray) -> tuple[str, int]:
    mean, (low, high) = mean_with_interval(100 * found[:, 0])
    covered = share_of(int(found[:, 1].sum()), len(found))
    return f"{mean:+.2f} points ({low:+.2f} to {high:+.2f}); intervals hold the truth in {covered}", len(
        found
    )


def _rate(happens: Callable[[int], bool], many: int) -> tuple[str, int]:
    return share_of(sum(happens(seed) for seed in range(many)), many), many


PARTS: dict[str, Callable[[float], Any]] = {
    "false-alarms": false_alarms,
    "alarm": alarm_finds,
    "maturity": maturity_matters,
    "advice": advice_is_right,
}

if __name__ == "__main__":
    main()
