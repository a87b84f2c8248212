"""Who comes on one day of a simulation, when, and what will become of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.data import Indices, Outcomes
from training.simulation.changes import Change, Declared
from training.simulation.clock import UTC, on_clock
from training.simulation.population import DAY_SECONDS, Numbers, Population
from training.simulation.tilting import standardised, tilt

# model: outcomes are drawn from the probabilities of the model that is taken for true. data: they are the data's own.
TruthOf = Literal["model", "data"]
# Log-odds of what does not happen.
NEVER = -50.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """One day's records: rows of the population, in the order of `at` (microseconds since 1970), and their outcomes.

    bad (rows,): 1 = bad, known to nobody yet.
    """

    rows: Indices
    at: Numbers
    bad: Outcomes


@dataclass(frozen=True)
class World:
    """A population and everything that is declared to change about it; zone: whose clocks show its times of day."""

    population: Population
    changes: tuple[Declared, ...] = ()
    truth: TruthOf = "model"
    zone: ZoneInfo = UTC

    def arrive(self, among: Indices, count: int, week: float, day: int, rng: np.random.Generator) -> Arrivals:
        """Return `count` of the rows `among`, so many weeks after the start; day: its first microsecond."""
        bad = self._outcomes(among, week, rng)
        chosen = _chosen(self._weights(among, bad, week), count, rng)
        rows = among[chosen]
        at = on_clock(day, _times_of_day(self.population, rows, rng), self.zone)
        order = np.argsort(at, kind="stable")
        return Arrivals(rows[order], at[order], bad[chosen][order])

    def log_odds(self, rows: Indices, week: float) -> FloatArray:
        """Return the true log-odds of bad of rows, before any change of prior; nothing becomes of a refused record."""
        p = np.clip(self.population.probabilities[rows], 1e-9, 1 - 1e-9)
        odds: FloatArray = np.nan_to_num(np.log(p) - np.log1p(-p), nan=NEVER)
        for item in self._in_force(Change.CONCEPT, week):
            odds = odds + item.amount * item.strength(week) * self._effect(item, rows)
        for item in self._in_force(Change.CALIBRATION, week):
            strength = item.strength(week)
            odds = odds * item.factor**strength + item.amount * strength
        return odds

    def _outcomes(self, rows: Indices, week: float, rng: np.random.Generator) -> Outcomes:
        chance = 1 / (1 + np.exp(-self.log_odds(rows, week)))
        draw = rng.random(len(rows))
        if self.truth == "model":
            return (draw < chance).astype(np.int8)
        known, own = (
            np.nan_to_num(self.population.probabilities[rows], nan=0.5),
            self.population.outcomes[rows],
        )
        # Outcomes of the data are turned over just so often that their log-odds change as declared.
        turned = np.where(
            own == 1, (known - chance) / np.maximum(known, 1e-9), (chance - known) / (1 - known)
        )
        return np.where(draw < turned, 1 - own, own).astype(np.int8)

    def _weights(self, rows: Indices, bad: Outcomes, week: float) -> FloatArray:
        powers = np.zeros(len(rows))
        for item in self._in_force(Change.COVARIATE, week):
            powers += self._pull(item, rows, week)
        for item in self._in_force(Change.PRIOR, week):
            powers += item.amount * item.strength(week) * bad
        weights: FloatArray = np.exp(powers - powers.max(initial=0.0))
        return weights

    def _pull(self, item: Declared, rows: Indices, week: float) -> FloatArray:
        move = item.amount * item.strength(week)
        values = self.population.column(item.column)
        if item.level is not None:
            return move * self._is_level(item, rows)
        scores = standardised(values, values)
        return tilt(scores, move, item) * scores[rows]

    def _effect(self, item: Declared, rows: Indices) -> FloatArray:
        """Return by how much a record has what a concept is about, on average 0 over the population."""
        if item.level is not None:
            everybody = np.arange(self.population.rows)
            return self._is_level(item, rows) - float(self._is_level(item, everybody).mean())
        values = self.population.column(item.column)
        return standardised(values[rows], values)

    def _is_level(self, item: Declared, rows: Indices) -> FloatArray:
        name = item.column
        cells = self.population.table.column(name).take(rows).to_pylist()
        return np.array([cell == item.level for cell in cells], np.float64)

    def _in_force(self, change: Change, week: float) -> Sequence[Declared]:
        return [item for item in self.changes if item.change is change and item.strength(week)]


def _chosen(weights: FloatArray, count: int, rng: np.random.Generator) -> Indices:
    """Return positions in proportion to their weights, one from each of `count` equal shares of all weight."""
    if not count:
        return np.arange(0)
    if len(weights) == count and np.ptp(weights) == 0:
        return np.arange(count)
    edges = np.cumsum(weights)
    points = (np.arange(count) + rng.random(count)) / count * edges[-1]
    found: Indices = np.minimum(np.searchsorted(edges, points, side="right"), len(weights) - 1)
    return found


def _times_of_day(population: Population, rows: Indices, rng: np.random.Generator) -> Numbers:
    if population.seconds is None:
        seconds = np.sort(rng.random(len(rows))) * DAY_SECONDS
    else:
        seconds = population.seconds[rows] % DAY_SECONDS
    return (seconds * 1e6).astype(np.int64)
