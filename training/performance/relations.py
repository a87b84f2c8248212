"""Whether inputs say something about outcomes that the score does not: then the world's relations have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds, logistic
from training.calibration_report.grades import holm
from training.logistic_fit import fit_logistic

# What a column adds to the log-odds counts if it is at least this large (a standard deviation), and certain. Without
# cases of before it must be larger: no model is without a fault.
LEAST_SIZE, LEAST_SIZE_ALONE, LEVEL = 0.15, 0.25, 0.01
_MOST_ROWS = 50_000
_MOST_CHANGED = 3
_FEWEST_OF_LEVEL = 20
_PULL = 1e-6


@dataclass(frozen=True)
class Cases:
    """Cases with an outcome: matrix (rows, inputs) as encoded, NaN = null; bad and probabilities (rows,)."""

    matrix: FloatArray
    bad: FloatArray
    probabilities: FloatArray


@dataclass(frozen=True)
class Relation:
    """What one input says beyond the score now and did not before: p-value by Holm (1979), size in log-odds.

    compared: whether there were cases of before.
    """

    column: str
    size: float
    p: float
    compared: bool

    @property
    def changed(self) -> bool:
        """Whether it is large and certain enough to count."""
        return self.p <= LEVEL and self.size >= (LEAST_SIZE if self.compared else LEAST_SIZE_ALONE)


def relations(
    names: Sequence[str], levels: Sequence[int], now: Cases, before: Cases | None
) -> list[Relation]:
    """Return how much each input says beyond the recalibrated score, what has changed first, the rest by certainty.

    Rao's score test (1948) of terms of the input beside intercept and slope; with cases of before, of the difference
    of the two periods' terms, each taken at one Newton step from no effect. An input that has changed joins intercept
    and slope, up to three of them: one that means less makes all others seem to mean more. levels: of each input, 0
    for a number.
    """
    periods = [_thinned(now)] if before is None else [_thinned(now), _thinned(before)]
    terms = {
        name: [_terms(cases.matrix[:, i], levels[i], periods[0].matrix[:, i]) for cases in periods]
        for i, name in enumerate(names)
    }
    return _in_turn(terms, periods, [np.empty((len(cases.bad), 0)) for cases in periods], _MOST_CHANGED)


# By input, its terms (rows, k) of each period.
_Terms: TypeAlias = dict[str, list[FloatArray]]


class _Line(NamedTuple):
    """The recalibrated score: its columns (rows, k), each row's residual and variance."""

    columns: FloatArray
    residuals: FloatArray
    variances: FloatArray


def _in_turn(
    terms: _Terms, periods: Sequence[Cases], beside: Sequence[FloatArray], left: int
) -> list[Relation]:
    lines = [_line(cases, more) for cases, more in zip(periods, beside, strict=True)]
    tests = {name: _test(item, lines) for name, item in terms.items()}
    p_values = holm(np.array([p for p, _ in tests.values()]))
    found = [
        Relation(name, size, float(p), len(periods) > 1)
        for (name, (_, size)), p in zip(tests.items(), p_values, strict=True)
    ]
    found.sort(key=lambda item: (item.p, -item.size))
    if not (left and found and found[0].changed):
        return found
    first = found[0]
    joined = [np.column_stack([more, item]) for more, item in zip(beside, terms[first.column], strict=True)]
    others = {name: item for name, item in terms.items() if name != first.column}
    return [first, *_in_turn(others, periods, joined, left - 1)]


def _line(cases: Cases, beside: FloatArray) -> _Line:
    columns = [log_odds(cases.probabilities), np.ones(len(cases.bad)), *beside.T]
    start = [1.0, *([0.0] * (len(columns) - 1))]
    fit = fit_logistic(columns, cases.bad.astype(np.int8), start, pull=_PULL)
    matrix = np.column_stack(columns)
    p = logistic(matrix @ fit.coefficients)
    return _Line(matrix, cases.bad - p, p * (1 - p))


def _thinned(cases: Cases) -> Cases:
    every = -(-len(cases.bad) // _MOST_ROWS)
    return Cases(cases.matrix[::every], cases.bad[::every], cases.probabilities[::every])


def _terms(values: FloatArray, levels: int, usual: FloatArray) -> FloatArray:
    """Return the terms (rows, k) of an input: each level but the most usual, or the number and its square, and null.

    Numbers are measured by the quartiles of the `usual` values, and cut off at three of them.
    """
    present = usual[~np.isnan(usual)]
    if levels:
        counts = np.bincount(present.astype(np.intp), minlength=levels)
        frequent = [level for level in np.argsort(-counts)[1:] if counts[level] >= _FEWEST_OF_LEVEL]
        columns = [(values == level).astype(np.float64) for level in frequent]
    else:
        low, middle, high = np.quantile(present, [0.25, 0.5, 0.75]) if len(present) else (0.0, 0.0, 0.0)
        scale = (high - low) / 1.35 or float(present.std() if len(present) else 0) or 1.0
        z = np.nan_to_num(np.clip((values - middle) / scale, -3, 3))
        columns = [z, z * z]
    if _FEWEST_OF_LEVEL <= len(usual) - len(present) <= len(usual) - _FEWEST_OF_LEVEL:
        columns.append(np.isnan(values).astype(np.float64))
    return np.stack(columns, axis=1) if columns else np.empty((len(values), 0))


def _test(terms: Sequence[FloatArray], lines: Sequence[_Line]) -> tuple[float, float]:
    """Return p-value and size of the terms of now, or of their difference to those of before."""
    from scipy.special import chdtrc

    steps = [_step(z, line) for z, line in zip(terms, lines, strict=True)]
    effect, covariance = steps[0]
    if len(steps) > 1:
        effect, covariance = effect - steps[1][0], covariance + steps[1][1]
    kept = np.diag(covariance) > 0
    if not kept.any():
        return 1.0, 0.0
    effect, covariance = effect[kept], covariance[np.ix_(kept, kept)]
    statistic = float(effect @ np.linalg.pinv(covariance, hermitian=True) @ effect)
    size = float((terms[0][:, kept] @ effect).std())
    return float(chdtrc(int(kept.sum()), max(statistic, 0.0))), size


def _step(terms: FloatArray, line: _Line) -> tuple[FloatArray, FloatArray]:
    """Return coefficients (k,) one Newton step from 0, and their covariance, the line being fitted beside them."""
    weighted = terms * line.variances[:, None]
    crossed = weighted.T @ line.columns
    of_line = (line.columns * line.variances[:, None]).T @ line.columns
    information = weighted.T @ terms - crossed @ np.linalg.pinv(of_line, hermitian=True) @ crossed.T
    covariance: FloatArray = np.linalg.pinv(information, rcond=1e-9, hermitian=True).astype(np.float64)
    return covariance @ (terms.T @ line.residuals), covariance
