"""How good decisions were, whose outcomes are known: each figure with its 95 % interval, or how many cases it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs
from training.calibration_report.judged import judged
from training.calibration_report.recalibration import recalibration
from training.intervals import Z_95
from training.performance.area import Area, area

# With fewer bad, or fewer good cases, an interval is so wide that the figure within it says nothing.
LEAST_OF_EACH = 30
_WEIGHTED = "cases stand for unequal numbers of others, and intercept and slope are of cases that count alike"


@dataclass(frozen=True)
class Known:
    """Cases with an outcome (rows,): bad is 1 or 0, `weights` is what each stands for, `decisions` are codes."""

    bad: FloatArray
    probabilities: FloatArray
    decisions: npt.NDArray[np.int8]
    weights: FloatArray

    @property
    def counts(self) -> tuple[int, int]:
        """How many of them are bad, and how many good."""
        bad = int(self.bad.sum())
        return bad, len(self.bad) - bad

    def of(self, rows: npt.NDArray[np.bool_]) -> Known:
        """Return some of them, by a mask (rows,)."""
        return Known(self.bad[rows], self.probabilities[rows], self.decisions[rows], self.weights[rows])


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """Figures of cases with an outcome; those of ranking and calibration are None where `too_few` says so.

    `intercept` is what calibrates the log-odds as a whole with the slope held at 1, `slope` that of the line with a
    free intercept (Cox, 1958). Both are of cases that count alike; else `no_line` says why they are None. Costs are per
    case, in the use case's currency, of the decisions that were made.
    """

    rows: int
    bad: int
    mean_probability: float | None
    bad_rate: Figure | None
    auc: Figure | None
    brier: Figure | None
    cost_per_case: Figure | None
    intercept: Figure | None
    slope: Figure | None
    too_few: str | None
    no_line: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON data."""
        return asdict(self)


def figures(known: Known, costs: Costs) -> Figures:
    """Return the figures of cases with an outcome."""
    bad, good = known.counts
    if reason := too_few(known):
        mean = float(np.average(known.probabilities, weights=known.weights)) if bad + good else None
        return Figures(bad + good, bad, mean, None, None, None, None, None, None, reason)
    weighted = bool(np.ptp(known.weights) > 0)
    alike = judged(known.bad.astype(np.int8), known.probabilities, None)
    line: dict[str, Any] = {} if weighted else recalibration(alike)
    return Figures(
        rows=bad + good,
        bad=bad,
        mean_probability=float(np.average(known.probabilities, weights=known.weights)),
        bad_rate=weighted_mean(known.bad, known.weights),
        auc=_figure_of(area(known.probabilities, known.bad, known.weights)),
        brier=weighted_mean((known.probabilities - known.bad) ** 2, known.weights),
        cost_per_case=weighted_mean(costs_of(known, costs), known.weights),
        intercept=_figure(line.get("in_the_large")),
        slope=_figure(line.get("slope")),
        too_few=None,
        no_line=_WEIGHTED if weighted else None,
    )


def too_few(known: Known) -> str | None:
    """Return what is lacking for a figure to mean anything, None where nothing is."""
    bad, good = known.counts
    if min(bad, good) >= LEAST_OF_EACH:
        return None
    return f"too few: {bad} bad and {good} good cases, {LEAST_OF_EACH} of each are needed"


def weighted_mean(values: FloatArray, weights: FloatArray) -> Figure:
    """Return the mean of values (rows,) that stand for `weights` cases each (Hajek, 1971), with its interval."""
    mean = float(np.average(values, weights=weights))
    rows, total = len(values), float(weights.sum())
    variance = float((weights**2 * (values - mean) ** 2).sum()) / total**2 * rows / max(rows - 1, 1)
    half = Z_95 * sqrt(variance)
    return Figure(mean, mean - half, mean + half)


def costs_of(known: Known, costs: Costs) -> FloatArray:
    """Return what each case's decision cost (rows,)."""
    return cost_table(costs)[known.decisions, known.bad.astype(np.intp)]


def cost_table(costs: Costs) -> FloatArray:
    """Return the cost by decision code and outcome (3, 2)."""
    return np.array([[0.0, costs.false_approve], [costs.review or 0.0] * 2, [costs.false_decline, 0.0]])


def _figure(found: Mapping[str, float] | None) -> Figure | None:
    return None if found is None else Figure(found["value"], found["low"], found["high"])


def _figure_of(found: Area) -> Figure:
    return Figure(found.value, *found.interval)
