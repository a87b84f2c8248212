"""The line that would calibrate the log-odds again: slope 1 and intercept 0 where nothing is left to do."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds
from training.calibration_report.judged import Judged
from training.intervals import Z_95
from training.logistic_fit import LogisticFit, fit_logistic

# Far fainter than a prior anybody could hold, and enough to keep the search finite.
_PULL = 1e-6


def recalibration(judged: Judged) -> dict[str, Any]:
    """Return slope and intercept with 95 % intervals (Wald, by the Fisher information), as JSON data.

    `in_the_large` is the intercept with the slope held at 1: above 0 where probabilities are too low as a whole. A
    slope below 1 says that they are too extreme (Cox, 1958; Van Calster et al., 2016).
    """
    if judged.one_outcome:
        return _answer(reason=judged.one_outcome)
    x, one = log_odds(judged.probabilities), np.ones(1)
    large = fit_logistic([one], judged.outcomes, [0.0], base=x, pull=_PULL)
    if reason := _no_slope(judged, x):
        return _answer(large=large, reason=reason)
    return _answer(large, fit_logistic([x, one], judged.outcomes, [1.0, 0.0], pull=_PULL))


def _no_slope(judged: Judged, x: FloatArray) -> str | None:
    if float(np.ptp(x)) < 1e-9:
        return "all probabilities are equal: there is no slope"
    good, bad = x[judged.outcomes == 0], x[judged.outcomes == 1]
    if good.max() < bad.min() or bad.max() < good.min():
        return "the probabilities part the outcomes: no finite slope fits best"
    return None


def _answer(
    large: LogisticFit | None = None, line: LogisticFit | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {
        "in_the_large": _with_interval(large, 0),
        "slope": _with_interval(line, 0),
        "intercept": _with_interval(line, 1),
        "reason": reason,
    }


def _with_interval(fit: LogisticFit | None, position: int) -> dict[str, float] | None:
    if fit is None:
        return None
    value, half = float(fit.coefficients[position]), Z_95 * float(fit.standard_errors[position])
    return {"value": value, "low": value - half, "high": value + half}
