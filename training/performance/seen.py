"""Observed decisions beside what was told of them: whose are the model's, which have matured, which count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from training.performance.figures import Known
from training.performance.maturity import DAY, NEVER, Mask, Population, matured, population, settled_at
from training.performance.relations import Cases
from training.performance.told import Told
from training.use_case import Monitoring

if TYPE_CHECKING:
    from training.monitoring.observed import Observed


@dataclass(frozen=True)
class Seen:
    """Observed decisions (rows,) and their outcomes: bad is 1, 0 or NaN.

    own, mature, settled: which rows the model decided, which of these are old enough, and which of these are of a week
    whose approved cases are nearly all told. counted_at: microseconds from which on an outcome could be counted, which
    is when the decision had matured, the outcome was observed and the week was settled.
    """

    observed: Observed
    bad: FloatArray
    counted_at: npt.NDArray[np.int64]
    own: Mask
    mature: Mask
    settled: Mask
    population: Population

    @property
    def at(self) -> npt.NDArray[np.int64]:
        """When each row was decided, in microseconds."""
        return self.observed.at

    @property
    def weights(self) -> FloatArray:
        """What each row's outcome stands for, 0 where it does not count or nothing was told."""
        return np.where(self.own & ~np.isnan(self.bad), self._of_kind, 0.0)

    @property
    def of_population(self) -> Mask:
        """Rows of a kind that counts, told or not."""
        return self._of_kind > 0

    @property
    def told(self) -> Mask:
        """Rows with an outcome of a kind that counts, matured or not."""
        return self.weights > 0

    @property
    def counted(self) -> Mask:
        """Rows whose outcome counts."""
        return self.told & self.settled

    def known(self, rows: Mask) -> Known:
        """Return rows that have an outcome, to take figures of."""
        seen = self.observed
        return Known(self.bad[rows], seen.probabilities[rows], seen.decisions[rows], self.weights[rows])

    def cases(self, rows: Mask) -> Cases:
        """Return rows that have an outcome, with their inputs."""
        return Cases(self.observed.matrix[rows], self.bad[rows], self.observed.probabilities[rows])

    @property
    def _of_kind(self) -> FloatArray:
        return self.population.weights_of(self.observed.decisions)


def see(observed: Observed, told: Told, model: str, monitoring: Monitoring, now: int) -> Seen:
    """Return what is known at `now` (microseconds) of a model's decisions, named by its tag."""
    own = np.array([name == model for name in observed.models], np.bool_)[observed.model_codes]
    mature = own & matured(observed.at, monitoring, now)
    told_at = np.maximum(observed.at + monitoring.maturity_days * DAY, told.observed_at)
    told_at[~told.known] = NEVER
    settling = np.full(observed.rows, NEVER)
    settling[own] = settled_at(observed.at[own], observed.decisions[own], told_at[own])
    settled = mature & (settling <= now)
    whom = population(observed.decisions, mature, told.known, monitoring, settled)
    return Seen(observed, told.bad, np.maximum(told_at, settling), own, mature, settled, whom)
