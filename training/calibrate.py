"""Choose how raw scores become probabilities, on scores of rows that the predictor did not learn from."""

from __future__ import annotations

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import Calibrator
from training.data import Outcomes
from training.evaluate import log_losses

PARTS = 5


def choose_calibrator(raw_scores: FloatArray, outcomes: Outcomes) -> Calibrator:
    """Return Platt scaling where it lowers the log loss out of sample, else none.

    raw_scores: log-odds (rows,) of rows that were held out of the fit that scored them.
    """
    if not _helps(raw_scores, outcomes):
        return Calibrator()
    slope, intercept = _platt(raw_scores, outcomes)
    return Calibrator("platt", slope, intercept) if slope > 0 else Calibrator()


def cross_calibrated(raw_scores: FloatArray, outcomes: Outcomes) -> FloatArray:
    """Return P(bad) (rows,), each row calibrated by a Platt fit on other rows, or by none where none helps."""
    if not _helps(raw_scores, outcomes):
        return logistic(raw_scores)
    return _cross_platt(raw_scores, outcomes)


def _helps(raw_scores: FloatArray, outcomes: Outcomes) -> bool:
    if np.bincount(outcomes, minlength=2).min() < 2 * PARTS:
        return False
    gain = log_losses(outcomes, logistic(raw_scores)) - log_losses(
        outcomes, _cross_platt(raw_scores, outcomes)
    )
    return bool(gain.mean() > 0)


def _cross_platt(raw_scores: FloatArray, outcomes: Outcomes) -> FloatArray:
    # Every fifth row of each outcome in turn: no chance is involved, and every part has both outcomes.
    part = np.empty(len(outcomes), dtype=np.intp)
    for outcome in (0, 1):
        rows = np.flatnonzero(outcomes == outcome)
        part[rows] = np.arange(len(rows)) % PARTS
    probabilities = np.empty(len(outcomes))
    for number in range(PARTS):
        held = part == number
        slope, intercept = _platt(raw_scores[~held], outcomes[~held])
        probabilities[held] = logistic(raw_scores[held] * slope + intercept)
    return probabilities


def _platt(raw_scores: FloatArray, outcomes: Outcomes) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    # A faint penalty keeps the slope finite when the scores part the outcomes perfectly.
    model = LogisticRegression(C=1e4, max_iter=1_000).fit(raw_scores[:, None], outcomes)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
