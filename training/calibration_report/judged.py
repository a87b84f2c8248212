"""Probabilities and the outcomes that judge them, in ascending order of probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds, logistic
from training.data import Indices, Outcomes

BINS = 10
Band = tuple[float | None, float | None]


@dataclass(frozen=True)
class Judged:
    """Outcomes, probabilities and weights (rows,), sorted by probability; without weights each row counts once.

    `shift` is what the population's log-odds are above the sample's: 0 without weights, None where it cannot be
    told because only one outcome occurs.
    """

    outcomes: Outcomes
    probabilities: FloatArray
    weights: FloatArray
    shift: float | None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.outcomes)

    @property
    def one_outcome(self) -> str | None:
        """What to say where only one outcome occurs, else None."""
        return "only one outcome occurs" if self.outcomes.min() == self.outcomes.max() else None

    def mean(self, values: FloatArray | Outcomes) -> float:
        """Return the weighted mean of `values` (rows,)."""
        return float(np.average(values, weights=self.weights))

    def on_sample_scale(self) -> Judged:
        """Return the same rows with the probabilities that belong to the sample's own bad rate, unweighted."""
        if not self.shift:
            return replace(self, weights=np.ones(self.rows))
        turned = logistic(log_odds(self.probabilities) - self.shift)
        return replace(self, probabilities=turned, weights=np.ones(self.rows), shift=0.0)

    def equal_bins(self) -> Indices:
        """Return where ten bins of equal count start, fewer with fewer rows; equal probabilities may be parted."""
        bins = min(BINS, self.rows)
        sizes = self.rows // bins + (np.arange(bins) < self.rows % bins)
        return np.append(0, np.cumsum(sizes)[:-1]).astype(np.intp)

    def bands(self, borders: Sequence[float] | None = None) -> tuple[Indices, list[Band]]:
        """Return where each band of scores starts, and its two borders; a band without rows is left out.

        A border belongs to the band above it. Without borders, ten bands of about equal count; equal probabilities
        share a band.
        """
        if borders is None:
            borders = np.quantile(self.probabilities, np.arange(1, BINS) / BINS).tolist()
        inner = sorted(set(borders))
        starts = np.append(0, np.searchsorted(self.probabilities, inner)).astype(np.intp)
        held = np.diff(np.append(starts, self.rows)) > 0
        edges = list(zip([None, *inner], [*inner, None], strict=True))
        return starts[held], [edge for edge, full in zip(edges, held, strict=True) if full]


def judged(outcomes: Outcomes, probabilities: FloatArray, weights: FloatArray | None) -> Judged:
    """Sort the rows by probability; raises `ValueError` for no rows, and for weights not of `case_weights`."""
    if not len(outcomes):
        raise ValueError("calibration cannot be judged on 0 rows; expected at least 1")
    order = np.argsort(probabilities, kind="stable")
    shift = 0.0 if weights is None else _shift(outcomes, weights)
    weights = np.ones(len(outcomes)) if weights is None else weights
    return Judged(outcomes[order], probabilities[order], weights[order], shift)


def _shift(outcomes: Outcomes, weights: FloatArray) -> float | None:
    by_outcome = [weights[outcomes == outcome] for outcome in (0, 1)]
    if any(len(part) and np.ptp(part) > 1e-9 * part[0] for part in by_outcome):
        raise ValueError(
            "weights differ within an outcome; expected those of `case_weights`, one per outcome"
        )
    if not all(len(part) for part in by_outcome):
        return None
    return float(np.log(by_outcome[1][0]) - np.log(by_outcome[0][0]))
