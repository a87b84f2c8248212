"""How well probabilities rank the bad before the good, and how surely that is worse than it was."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.intervals import Z_95


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve with its standard error."""

    value: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval, of the log-odds of the area, so that it stays within 0 to 1 (Pepe, 2003)."""
        nearest = min(self.error, 0.25)
        inside = min(max(self.value, nearest), 1 - nearest)
        centre, half = log(inside / (1 - inside)), Z_95 * self.error / (inside * (1 - inside))
        return min(_logistic(centre - half), self.value), max(_logistic(centre + half), self.value)

    def to_json(self) -> dict[str, float]:
        """Return it as JSON data."""
        low, high = self.interval
        return {"value": self.value, "low": low, "high": high}


def area(scores: FloatArray, bad: FloatArray, weights: FloatArray) -> Area:
    """Return the area for scores (rows,) of bad (1) and good (0) cases that stand for `weights` cases each.

    The standard error is that of DeLong, DeLong and Clarke-Pearson (1988): of each bad case's share of good ones below
    it, and of each good case's share of bad ones above it; ties count half. Needs at least two of each.
    """
    of_bad, of_good = bad == 1, bad == 0
    above = _below(scores[of_bad], scores[of_good], weights[of_good])
    below = 1.0 - _below(scores[of_good], scores[of_bad], weights[of_bad])
    value = float(np.average(above, weights=weights[of_bad]))
    error = hypot(_error(above, weights[of_bad], value), _error(below, weights[of_good], value))
    # Were all pairs in order, nothing would vary, and still one more case could be out of order.
    return Area(value, max(error, 0.5 / min(len(above), len(below))))


def binned_area(good: FloatArray, bad: FloatArray) -> Area:
    """Return the area for counts (bins,) of good and bad cases in bins of ascending score; within a bin all tie."""
    scores = np.arange(len(good), dtype=np.float64)
    twice, outcomes = np.r_[scores, scores], np.r_[np.zeros(len(good)), np.ones(len(bad))]
    of_bad, of_good = outcomes == 1, outcomes == 0
    above = _below(twice[of_bad], twice[of_good], good)
    below = 1.0 - _below(twice[of_good], twice[of_bad], bad)
    value = float(np.average(above, weights=bad))
    return Area(value, hypot(_counted_error(above, bad, value), _counted_error(below, good, value)))


@dataclass(frozen=True)
class Difference:
    """An area less another of other cases: below 0 it ranks worse."""

    value: float
    error: float

    @property
    def steps(self) -> float:
        """How many standard errors it is from 0."""
        return self.value / self.error if self.error > 0 else 0.0

    def to_json(self) -> dict[str, float]:
        """Return it with its 95 % interval, as JSON data."""
        half = Z_95 * self.error
        return {"value": self.value, "low": self.value - half, "high": self.value + half}


def difference(now: Area, before: Area) -> Difference:
    """Return the difference of areas of independent cases."""
    return Difference(now.value - before.value, hypot(now.error, before.error))


def _below(scores: FloatArray, others: FloatArray, weights: FloatArray) -> FloatArray:
    """Return for each score the weighted share of the others below it, ties by half."""
    order = np.argsort(others, kind="stable")
    total = np.r_[0.0, np.cumsum(weights[order])]
    left, right = (np.searchsorted(others[order], scores, side=side) for side in ("left", "right"))
    shares: FloatArray = (total[left] + total[right]) / (2 * total[-1])
    return shares


def _error(shares: FloatArray, weights: FloatArray, mean: float) -> float:
    rows = len(shares)
    spread = float((weights**2 * (shares - mean) ** 2).sum()) / float(weights.sum()) ** 2
    return sqrt(spread * rows / max(rows - 1, 1))


def _counted_error(shares: FloatArray, counts: FloatArray, mean: float) -> float:
    total = float(counts.sum())
    return sqrt(float((counts * (shares - mean) ** 2).sum()) / total / max(total - 1, 1))


def _logistic(x: float) -> float:
    return 1 / (1 + exp(-min(max(x, -700), 700)))
