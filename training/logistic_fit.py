"""Logistic regression of a few coefficients by Newton's method: quick, repeatable, and finite for separable data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.data import Outcomes

MOST_STEPS = 60
# A sum of log losses that can fall by less than this is at its minimum, a thousandth of a standard error or nearer.
_NOTHING = 1e-7


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (k,), and the Fisher information (k, k) in the data, the pull left out."""

    coefficients: FloatArray
    information: FloatArray

    @property
    def standard_errors(self) -> FloatArray:
        """Return Wald's standard errors (k,)."""
        errors: FloatArray = np.sqrt(np.diag(np.linalg.inv(self.information)))
        return errors


def fit_logistic(
    columns: Sequence[FloatArray],
    outcomes: Outcomes,
    start: Sequence[float],
    base: FloatArray | float = 0.0,
    pull: float = 1e-4,
) -> LogisticFit:
    """Fit log-odds = base + coefficients @ columns to outcomes (rows,) by maximum likelihood.

    The search starts at `start`, and a faint pull towards it (half of `pull` times the squared distance, against the
    sum of log losses) keeps coefficients finite where the columns part the outcomes or are alike.
    """
    matrix = np.stack([np.broadcast_to(column, outcomes.shape) for column in columns])
    pairs = [(i, j) for i in range(len(matrix)) for j in range(i, len(matrix))]
    products = [matrix[i] * matrix[j] for i, j in pairs]
    centre = np.array(start, dtype=np.float64)
    at, now = centre, _look(matrix, outcomes, base, centre)
    for _ in range(MOST_STEPS):
        information = _information(pairs, products, now.variances)
        downhill = now.gradient(matrix, outcomes) + pull * (at - centre)
        step = np.linalg.solve(information + pull * np.eye(len(at)), downhill).astype(np.float64)
        if downhill @ step < _NOTHING:
            break
        at, now = _descend(matrix, outcomes, base, (at, step, centre, pull), now)
    return LogisticFit(at, _information(pairs, products, now.variances))


def log_losses_at(log_odds: FloatArray, outcomes: Outcomes) -> FloatArray:
    """Return the log loss (rows,) of probabilities that are given by their log-odds, in nats, without rounding to 0."""
    losses: FloatArray = np.maximum(log_odds, 0.0) - outcomes * log_odds + np.log1p(np.exp(-np.abs(log_odds)))
    return losses


@dataclass(frozen=True)
class _Look:
    """What the likelihood is at one place."""

    loss: float
    probabilities: FloatArray

    @property
    def variances(self) -> FloatArray:
        return self.probabilities * (1.0 - self.probabilities)

    def gradient(self, matrix: FloatArray, outcomes: Outcomes) -> FloatArray:
        residuals = self.probabilities - outcomes
        return np.array([(row * residuals).sum() for row in matrix])


def _look(matrix: FloatArray, outcomes: Outcomes, base: FloatArray | float, at: FloatArray) -> _Look:
    # Not `@`: sums by BLAS may depend on its number of threads.
    log_odds: FloatArray = sum((c * row for c, row in zip(at, matrix, strict=True)), start=np.zeros(1)) + base
    faint = np.exp(-np.abs(log_odds))
    loss = np.maximum(log_odds, 0.0) - outcomes * log_odds + np.log1p(faint)
    return _Look(float(loss.sum()), np.where(log_odds >= 0, 1.0, faint) / (1.0 + faint))


def _descend(
    matrix: FloatArray,
    outcomes: Outcomes,
    base: FloatArray | float,
    course: tuple[FloatArray, FloatArray, FloatArray, float],
    now: _Look,
) -> tuple[FloatArray, _Look]:
    """Take Newton's step, or the first half, quarter, ... of it that does not raise the pulled loss."""
    at, step, centre, pull = course
    worth = now.loss + pull / 2 * float(((at - centre) ** 2).sum())
    for halvings in range(40):
        there = at - step * 0.5**halvings
        look = _look(matrix, outcomes, base, there)
        if look.loss + pull / 2 * float(((there - centre) ** 2).sum()) <= worth:
            return there, look
    return at, now


def _information(
    pairs: list[tuple[int, int]], products: list[FloatArray], variances: FloatArray
) -> FloatArray:
    size = pairs[-1][0] + 1
    information = np.zeros((size, size))
    for (i, j), product in zip(pairs, products, strict=True):
        information[i, j] = information[j, i] = (product * variances).sum()
    return information
