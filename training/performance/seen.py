"""Observed decisions beside what was told of them: whose are the model's, which have matured, which count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from training.performance.figures import Known
from training.performance.maturity import DAY, Mask, Population, matured, population
from training.performance.relations import Cases
from training.performance.told import Told
from training.use_case import Monitoring

if TYPE_CHECKING:
    from training.monitoring.observed import Observed


@dataclass(frozen=True)
class Seen:
    """Observed decisions (rows,) and their outcomes: bad is 1, 0 or NaN.

    own, mature: which rows the model decided, and which of these are old enough. counted_at: microseconds from which
    on an outcome could be counted, which is when the decision had matured and the outcome was observed.
    """

    observed: Observed
    bad: FloatArray
    counted_at: npt.NDArray[np.int64]
    own: Mask
    mature: Mask
    population: Population

    @property
    def at(self) -> npt.NDArray[np.int64]:
        """When each row was decided, in microseconds."""
        return self.observed.at

    @property
    def weights(self) -> FloatArray:
        """What each row's outcome stands for, 0 where it does not count or nothing was told."""
        of_kind = self.population.weights_of(self.observed.decisions)
        return np.where(self.own & ~np.isnan(self.bad), of_kind, 0.0)

    @property
    def told(self) -> Mask:
        """Rows with an outcome of a kind that counts, matured or not."""
        return self.weights > 0

    @property
    def counted(self) -> Mask:
        """Rows whose outcome counts."""
        return self.told & self.mature

    def known(self, rows: Mask) -> Known:
        """Return rows that have an outcome, to take figures of."""
        seen = self.observed
        return Known(self.bad[rows], seen.probabilities[rows], seen.decisions[rows], self.weights[rows])

    def cases(self, rows: Mask) -> Cases:
        """Return rows that have an outcome, with their inputs."""
        return Cases(self.observed.matrix[rows], self.bad[rows], self.observed.probabilities[rows])


def see(observed: Observed, told: Told, model: str, monitoring: Monitoring, now: int) -> Seen:
    """Return what is known at `now` (microseconds) of a model's decisions, named by its tag."""
    own = np.array([name == model for name in observed.models], np.bool_)[observed.model_codes]
    mature = own & matured(observed.at, monitoring, now)
    counted_at = np.maximum(observed.at + monitoring.maturity_days * DAY, told.observed_at)
    whom = population(observed.decisions, mature, told.known, monitoring)
    return Seen(observed, told.bad, counted_at, own, mature, whom)
