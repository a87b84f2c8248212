"""Intervals of shares, of differences and ratios of two shares, and of an AUC, from counts alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.intervals import Z_95, Interval, wilson


@dataclass(frozen=True)
class Share:
    """A share among so many rows; weighted rows count as the number of equal ones that would say as much."""

    value: float
    rows: float

    def interval(self, z: float = Z_95) -> Interval:
        """Return the score interval (Wilson, 1927)."""
        return wilson(self.value, self.rows, z)


def share(hits: np.ndarray, weights: FloatArray) -> Share | None:
    """Return the weighted share of hits (rows,), None where no row is; the rows are Kish's (1965) effective ones."""
    total = float(weights.sum())
    if total <= 0:
        return None
    return Share(float(weights[hits].sum()) / total, effective_rows(weights))


def effective_rows(weights: FloatArray) -> float:
    """Return how many rows of equal weight say as much as these."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def difference_interval(one: Share, other: Share, z: float = Z_95) -> Interval:
    """Return the interval of `one - other` from their score intervals (Newcombe, 1998, method 10)."""
    (low_1, high_1), (low_2, high_2) = one.interval(z), other.interval(z)
    gap = one.value - other.value
    below = sqrt((one.value - low_1) ** 2 + (high_2 - other.value) ** 2)
    above = sqrt((high_1 - one.value) ** 2 + (other.value - low_2) ** 2)
    return gap - below, gap + above


def ratio_interval(one: Share, other: Share, z: float = Z_95) -> Interval:
    """Return the interval of `one / other` by the delta method on its logarithm (Katz et al., 1978).

    A share of 0 counts half a row more (Walter, 1975), so that it has an interval as well.
    """
    p, q = (_above_zero(item) for item in (one, other))
    spread = sqrt((1 - p) / (p * one.rows) + (1 - q) / (q * other.rows))
    return _times(p / q, z * spread)


def mean_ratio_interval(observed: float, error: float, expected: float, z: float = Z_95) -> Interval:
    """Return the interval of `observed / expected`, where `error` is the standard error of observed."""
    return _times(observed / expected, z * error / observed)


def auc_interval(auc: float, bad: float, good: float, z: float = Z_95) -> Interval:
    """Return the interval of an AUC of so many bad and good rows (Hanley and McNeil, 1982), on its log-odds.

    A perfect ranking counts as one pair of half a chance, so that it too has an interval.
    """
    inside = min(max(auc, 0.5 / (bad * good)), 1 - 0.5 / (bad * good))
    two_bad, two_good = inside / (2 - inside), 2 * inside * inside / (1 + inside)
    variance = inside * (1 - inside)
    variance += (bad - 1) * (two_bad - inside**2) + (good - 1) * (two_good - inside**2)
    spread = z * sqrt(variance / (bad * good)) / (inside * (1 - inside))
    odds = np.log(inside / (1 - inside))
    low, high = 1 / (1 + np.exp(-np.array([odds - spread, odds + spread])))
    return float(min(low, auc)), float(max(high, auc))


def joint_z(comparisons: int) -> float:
    """Return z of intervals that hold their truth all together in 95 % of cases (Bonferroni)."""
    return NormalDist().inv_cdf(1 - 0.025 / max(comparisons, 1))


def _above_zero(item: Share) -> float:
    return item.value if item.value > 0 else 0.5 / (item.rows + 0.5)


def _times(value: float, spread: float) -> Interval:
    factor = float(np.exp(spread))
    return value / factor, value * factor
