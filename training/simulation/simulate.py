"""Day after day: records come, are decided and logged, and what became of earlier ones is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from service.scoring.contract import Contract, Role
from training.data import Indices
from training.simulation.arrivals import Arrivals, World
from training.simulation.clock import midnight_after
from training.simulation.door import Door
from training.simulation.following import Following, ToCome
from training.simulation.population import Numbers, Population
from training.simulation.stopping import Stop
from training.simulation.weeks import DAYS_OF_WEEK, Day


@dataclass(frozen=True)
class Schedule:
    """Which rows of a population come on which day.

    first: number of the first day for which there are rows. used: rows that earlier days have taken. Rows with a time
    of their own come on their own day, whatever `per_day` says.
    """

    population: Population
    per_day: int
    first: int = 0
    used: int = 0

    def among(self, day: int) -> tuple[Indices, int]:
        """Return the rows to choose among on a day, and how many of them come."""
        days = self._own_days
        if days is not None:
            start, end = np.searchsorted(days, [days[0] + day, days[0] + day + 1])
            return np.arange(start, end), int(end - start)
        spare = self.population.spare
        start = self.used + (day - self.first) * self.per_day * spare
        rows = np.arange(start, min(start + self.per_day * spare, self.population.rows))
        return rows, len(rows) // spare

    @property
    def end(self) -> int:
        """Number of the day after the last one for which there are rows."""
        days = self._own_days
        if days is not None:
            return int(days[-1] - days[0]) + 1
        left = self.population.rows - self.used
        return self.first + -(-left // (self.per_day * self.population.spare))

    @property
    def _own_days(self) -> Numbers | None:
        return None if self.population.generated else self.population.days


@dataclass(frozen=True)
class Run:
    """A stretch of a simulation: from day `first` until `end`, exclusive, with the world and its rules.

    start: first microsecond of day 0. live: whether it all happens now, over HTTP, instead of at its own time. ids:
    number of the first record, for id columns that number them.
    """

    contract: Contract
    world: World
    schedule: Schedule
    following: Following
    start: int
    seed: int
    first: int
    end: int
    live: bool = False
    ids: int = 1

    @property
    def zone(self) -> ZoneInfo:
        """Where its days are days."""
        return self.world.zone

    def midnight(self, number: int) -> int:
        """Return the first microsecond of a day."""
        return midnight_after(self.start, number, self.zone)


async def days(run: Run, door: Door, to_come: ToCome, stop: Stop) -> AsyncIterator[Day]:
    """Simulate day by day, until a stop is asked for; `to_come` holds what is told later.

    A day is yielded once its decisions are logged, and before outcomes are told: where that fails it is done all the
    same, and they are still to come. The same seed gives the same records and outcomes on the same day.
    """
    numbered = run.ids
    for number in range(run.first, run.end):
        if stop.by:
            return
        rng = np.random.default_rng([run.seed, number])
        today = time.time_ns() // 1000 if run.live else run.midnight(number)
        end = today + 1 if run.live else run.midnight(number + 1)
        among, count = run.schedule.among(number)
        arrivals = run.world.arrive(among, count, number / DAYS_OF_WEEK, today, rng)
        if run.live:
            arrivals = Arrivals(arrivals.rows, np.full(count, today), arrivals.bad)
        answers = await door.decide(_records(run, arrivals, numbered), arrivals.at)
        numbered += count
        to_come.add(run.following.follow(answers, arrivals.at, arrivals.bad, rng))
        told = to_come.seen_before(end)
        yield Day(number, answers, arrivals.bad, told)
        await door.tell(told, end)
        to_come.told(told)


def _records(run: Run, arrivals: Arrivals, number: int) -> list[dict[str, Any]]:
    """Return records as they are sent, dated as they come; generated ones with numbers of their own."""
    population = run.world.population
    table = population.table.take(pa.array(arrivals.rows))
    for column in run.contract.of_role(Role.TIME):
        if column.name in table.column_names:
            table = _with(table, column.name, [_written(at, run.zone) for at in arrivals.at.tolist()])
    if population.generated:
        for name in _numbering(run):
            table = _with(table, name, list(range(number, number + len(arrivals.rows))))
    records: list[dict[str, Any]] = table.to_pylist()
    return records


def _numbering(run: Run) -> list[str]:
    """Return the id columns that have another value in every record."""
    table = run.world.population.table
    names = [name for name in run.contract.id_names if name in table.column_names]
    return [name for name in names if len(table.column(name).unique()) == table.num_rows]


def _with(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def _written(moment: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"
