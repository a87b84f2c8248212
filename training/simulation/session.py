"""A simulation begun or taken up again: what was asked, held against what there is, and run to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import time_ns
from typing import Any, Literal
from zoneinfo import ZoneInfo

from service.errors import WrongUse
from service.scoring.scorer import Scorer
from training.simulation.arrivals import World
from training.simulation.asked import Asked, midnight_of_day, moment_of_date, this_midnight
from training.simulation.changes import Declared
from training.simulation.clock import date_of, midnight_after
from training.simulation.door import Door
from training.simulation.following import Following, ToCome
from training.simulation.log_door import log_door
from training.simulation.place import Place
from training.simulation.population import Population, generated, past_cases
from training.simulation.simulate import Run, Schedule, days
from training.simulation.state import State, alone, expect_same, read_state, write_state
from training.simulation.stopping import Stop, stoppable
from training.simulation.weeks import DAYS_OF_WEEK, Tally, totals

WEEKS = 26
# Rows of the generator for each record, where who comes is chosen among them.
SPARE = 8
OWN: Literal["data"] = "data"

Step = Callable[[int, int], None]


def unheard(done: int, of: int) -> None:
    """Tell nobody how many days are done."""


def simulate(asked: Asked, place: Place, step: Step = unheard) -> dict[str, Any]:
    """Simulate in a place from where it stopped, and return what happened as JSON data.

    SIGINT and SIGTERM end it after the day that is under way. Then, and where a log goes down between two days or while
    outcomes are told, what was done counts and it can be taken up again; not so where decisions of a day were logged
    and others of it were not. Raises `AvalError`.
    """
    with alone(place.home, asked.use_case.name):
        return _simulate(asked, place, step)


def _simulate(asked: Asked, place: Place, step: Step) -> dict[str, Any]:
    name = asked.use_case.name
    before, waiting = read_state(place.home, name)
    if before is not None:
        # Days of another zone would overlap with those that are done.
        asked = replace(asked, zone=ZoneInfo(before.zone))
    champion = place.champion(name)
    truth = champion if before is None or before.truth == OWN else place.scorer(before.truth)
    past = past_cases(asked.use_case, truth, asked.data) if asked.data else None
    state = _begun(asked, champion, past) if before is None else _taken_up(asked, before)
    run = _run(asked, state, truth, past)
    place.expect_nothing_after(name, state.now)
    if before is None:
        place.date_back(name, state.start)
    to_come, done = ToCome(waiting), Tally()
    with stoppable() as stop:
        try:
            with log_door(place.address, place.spool, champion, name) as door:
                _through(run, door, to_come, done, stop, step)
        finally:
            write_state(place.home, _advanced(state, done), to_come.waiting)
    left = {"to_come": len(to_come.waiting), "stopped_by": stop.by}
    return {**_report(run, done), "truth": state.truth, **left}


def simulate_live(asked: Asked, truth: Scorer, door: Door, step: Step = unheard) -> dict[str, Any]:
    """Ask a running service now, for as many records as the weeks would have, and tell their outcomes at once.

    No time passes, so nothing is left to come, and nothing is kept to go on from.
    """
    if asked.delay.days or asked.start or asked.outcomes_until:
        raise WrongUse("with --url everything happens now: leave out --delay, --start and --outcomes-until")
    past = past_cases(asked.use_case, truth, asked.data) if asked.data else None
    state = _begun(asked, truth, past)
    run, done = replace(_run(asked, state, truth, past), live=True), Tally()
    _through(run, door, ToCome(), done, Stop(), step)
    today = date_of(time_ns() // 1000, asked.zone).isoformat()
    now = {"since": today, "until": today, "to_come": 0, "stopped_by": None}
    return {**_report(run, done), "truth": state.truth, **now}


def _through(run: Run, door: Door, to_come: ToCome, done: Tally, stop: Stop, step: Step) -> None:
    async def through() -> None:
        async for day in days(run, door, to_come, stop):
            done.add(day)
            step(done.days, run.end - run.first)

    asyncio.run(through())


def _begun(asked: Asked, champion: Scorer, past: Population | None) -> State:
    own_days = past.days if past is not None else None
    start = midnight_after(this_midnight(asked.zone), -(asked.weeks or WEEKS) * DAYS_OF_WEEK, asked.zone)
    if own_days is not None:
        start = midnight_of_day(int(own_days[0]), asked.zone)
    return State(
        use_case=asked.use_case.name,
        start=moment_of_date(asked.start, asked.zone) if asked.start else start,
        seed=asked.seed or 0,
        truth=OWN if asked.truth == OWN else champion.tag,
        changes=asked.texts,
        zone=asked.zone.key,
    )


def _taken_up(asked: Asked, state: State) -> State:
    expect_same(state, {"seed": asked.seed})
    begun, now = (date_of(moment, asked.zone) for moment in (state.start, state.now))
    if asked.start is not None and date_of(moment_of_date(asked.start, asked.zone), asked.zone) not in (
        begun,
        now,
    ):
        raise WrongUse(
            f"--start {asked.start}: the simulation in this home began on {begun} and goes on at {now}"
        )
    of = OWN if state.truth == OWN else "model"
    if asked.truth not in (None, of):
        raise WrongUse(f"--truth {asked.truth}: the simulation in this home began with --truth {of}")
    new = tuple(item for item in asked.texts if item not in state.changes)
    return replace(state, changes=(*state.changes, *new))


def _run(asked: Asked, state: State, truth: Scorer, past: Population | None) -> Run:
    """Return the days that are to be simulated now; none where the time has not come for another."""
    changes = state.declared(asked.use_case.contract)
    since_start = date_of(time_ns() // 1000, asked.zone) - date_of(state.start, asked.zone)
    elapsed = max(since_start.days, state.days)
    end = _last_wanted(asked, state, elapsed)
    if past is None:
        schedule = _generated(asked, state, truth, end, changes)
    else:
        schedule = Schedule(past, asked.per_day, state.days, state.rows)
    end = max(min(end, schedule.end), state.days)
    if end > elapsed:
        last = date_of(midnight_after(state.start, end, asked.zone), asked.zone)
        raise WrongUse(
            f"it would last until {last}, which is to come; ask for fewer --weeks or an earlier --start"
        )
    seen_until = moment_of_date(asked.outcomes_until, asked.zone) if asked.outcomes_until else None
    return Run(
        contract=asked.use_case.contract,
        world=World(schedule.population, changes, OWN if state.truth == OWN else "model", asked.zone),
        schedule=schedule,
        following=Following(asked.delay, asked.accepted_declines, seen_until),
        start=state.start,
        seed=state.seed,
        first=state.days,
        end=end,
        ids=state.rows + 1,
    )


def _last_wanted(asked: Asked, state: State, elapsed: int) -> int:
    """Return the number of the day after the last one that is asked for."""
    if asked.weeks is None and (asked.data is not None or state.days):
        return elapsed
    return state.days + (asked.weeks or WEEKS) * DAYS_OF_WEEK


def _generated(
    asked: Asked, state: State, truth: Scorer, end: int, changes: tuple[Declared, ...]
) -> Schedule:
    spare = SPARE if any(item.selects for item in changes) else 1
    rows = max((end - state.days) * asked.per_day * spare, 1)
    # Another one whenever it is taken up, or the same records would come again; and never the seed itself, with which
    # the model may have been trained.
    seed = (state.seed + 1) * 1_000_003 + state.days
    return Schedule(generated(asked.use_case, truth, rows, seed, spare), asked.per_day, state.days)


def _advanced(state: State, done: Tally) -> State:
    return replace(state, days=state.days + done.days, rows=state.rows + done.records)


def _report(run: Run, done: Tally) -> dict[str, Any]:
    changes = run.world.changes
    weeks = [week.to_json(run.start, run.zone, changes) for week in done.weeks.values()]
    since, until = (run.midnight(day) for day in (run.first, run.first + done.days))
    return {
        "use_case": run.contract.use_case,
        "since": date_of(since, run.zone).isoformat(),
        "until": date_of(until, run.zone).isoformat(),
        "days": done.days,
        **totals(weeks),
        "changes": [f"{item.change} {item.text}" for item in changes],
        "weeks": weeks,
    }
