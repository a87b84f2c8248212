"""Choose how raw scores become probabilities, on scores of rows that the predictor did not learn from."""

from __future__ import annotations

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import Calibrator
from training.data import Indices, Outcomes
from training.evaluate import log_losses

PARTS = 5


def choose_calibrator(raw_scores: FloatArray, outcomes: Outcomes, rows: Indices) -> Calibrator:
    """Return Platt scaling where it lowers the log loss out of sample, else none.

    raw_scores: log-odds (scores,) of rows that were held out of the fit that scored them; rows: which row each
    is of, for a row may be scored in several rounds.
    """
    if not _helps(raw_scores, outcomes, rows):
        return Calibrator()
    slope, intercept = _platt(raw_scores, outcomes)
    return Calibrator("platt", slope, intercept) if slope > 0 else Calibrator()


def cross_calibrated(raw_scores: FloatArray, outcomes: Outcomes, rows: Indices) -> FloatArray:
    """Return P(bad) (scores,), each row calibrated by a Platt fit on other rows, or by none where none helps."""
    if not _helps(raw_scores, outcomes, rows):
        return logistic(raw_scores)
    return _cross_platt(raw_scores, outcomes, rows)


def _helps(raw_scores: FloatArray, outcomes: Outcomes, rows: Indices) -> bool:
    _, first = np.unique(rows, return_index=True)
    if np.bincount(outcomes[first], minlength=2).min() < 2 * PARTS:
        return False
    crossed = _cross_platt(raw_scores, outcomes, rows)
    gain = log_losses(outcomes, logistic(raw_scores)) - log_losses(outcomes, crossed)
    return bool(gain.mean() > 0)


def _cross_platt(raw_scores: FloatArray, outcomes: Outcomes, rows: Indices) -> FloatArray:
    # Every fifth row of each outcome in turn: no chance is involved, and every part has both outcomes.
    _, first, index = np.unique(rows, return_index=True, return_inverse=True)
    part_of_row = np.empty(len(first), dtype=np.intp)
    for outcome in (0, 1):
        members = np.flatnonzero(outcomes[first] == outcome)
        part_of_row[members] = np.arange(len(members)) % PARTS
    part = part_of_row[index]
    probabilities = np.empty(len(outcomes))
    for number in range(PARTS):
        held = part == number
        slope, intercept = _platt(raw_scores[~held], outcomes[~held])
        probabilities[held] = logistic(raw_scores[held] * slope + intercept)
    return probabilities


def _platt(raw_scores: FloatArray, outcomes: Outcomes) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # A faint penalty keeps the slope finite when the scores part the outcomes perfectly.
    with threadpool_limits(1, user_api="blas"):
        model = LogisticRegression(C=1e4, max_iter=1_000).fit(raw_scores[:, None], outcomes)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
