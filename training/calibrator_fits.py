"""Fit each kind of calibrator to raw scores and outcomes, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from service.scoring.arithmetic import FloatArray, log, log_odds, surprisals
from service.scoring.calibration import Beta, Calibrator, Isotonic, Method
from training.data import Indices, Outcomes
from training.logistic_fit import fit_logistic

MOST_BINS = 50
# Binomial variance that a bin holds at least: its log-odds have then a standard error of 0.3 or less.
LEAST_VARIANCE = 10.0


def fit_none(_: FloatArray, __: Outcomes) -> Calibrator:
    """Return the calibrator that leaves raw scores as they are."""
    return Calibrator()


def fit_temperature(raw_scores: FloatArray, outcomes: Outcomes) -> Calibrator | None:
    """Return one slope through the origin (Guo et al., 2017), None where scores rank the wrong way."""
    (slope,) = fit_logistic([raw_scores], outcomes, [1.0]).coefficients.tolist()
    return Calibrator("temperature", slope) if slope > 0 else None


def fit_platt(raw_scores: FloatArray, outcomes: Outcomes) -> Calibrator | None:
    """Return a slope and an intercept, None where scores rank the wrong way."""
    fit = fit_logistic([raw_scores, np.ones(1)], outcomes, [1.0, 0.0])
    slope, intercept = fit.coefficients.tolist()
    return Calibrator("platt", slope, intercept) if slope > 0 else None


def fit_beta(raw_scores: FloatArray, outcomes: Outcomes) -> Calibrator | None:
    """Return a beta calibrator, None where scores rank the wrong way.

    A coefficient that comes out below 0 is set to 0 and the others are fitted again (Kull et al., 2017).
    """
    of_bad, of_good = surprisals(raw_scores)
    one = np.ones(1)
    a, b, c = fit_logistic([-of_bad, of_good, one], outcomes, [1.0, 1.0, 0.0]).coefficients.tolist()
    if a < 0:
        a, (b, c) = 0.0, fit_logistic([of_good, one], outcomes, [1.0, 0.0]).coefficients.tolist()
    elif b < 0:
        b, (a, c) = 0.0, fit_logistic([-of_bad, one], outcomes, [1.0, 0.0]).coefficients.tolist()
    return Calibrator("beta", curve=Beta(a, b, c)) if min(a, b) >= 0 < max(a, b) else None


def fit_isotonic(raw_scores: FloatArray, outcomes: Outcomes) -> Calibrator | None:
    """Return a smoothed isotonic calibrator, None where there is too little to see the shape of a curve.

    Scores are binned so that bins hold the same binomial variance, neighbouring bins whose bad rates fall are pooled
    (PAVA), and a block becomes a knot over the raw score whose Platt probability is the block's mean one: at the
    odds of that probability, times how many bad cases there are for each expected, over the same of good cases.
    Half a case on every count keeps it finite. So a block that Platt scaling fits lies on Platt's line however
    wide it is; that line's slope also goes from the outer knots to the extreme scores.
    """
    line = fit_platt(raw_scores, outcomes)
    if line is None:
        return None
    raw_scores, outcomes = _sorted(raw_scores, outcomes)
    probabilities = line.probability(raw_scores)
    starts = _bins(raw_scores, probabilities)
    if len(starts) < 2:
        return None
    rows, bad, expected = _pool(
        np.diff(np.append(starts, len(outcomes))).astype(np.float64),
        np.add.reduceat(outcomes, starts, dtype=np.float64),
        np.add.reduceat(probabilities, starts),
    )
    platt = log_odds(expected / rows)
    surplus = log((bad + 0.5) / (expected + 0.5)) - log((rows - bad + 0.5) / (rows - expected + 0.5))
    x, y = (platt - line.intercept) / line.slope, platt + surplus
    return _through(*_with_ends(x, y, raw_scores, line.slope))


FITS: dict[Method, Callable[[FloatArray, Outcomes], Calibrator | None]] = {
    "none": fit_none,
    "temperature": fit_temperature,
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}


def _sorted(raw_scores: FloatArray, outcomes: Outcomes) -> tuple[FloatArray, Outcomes]:
    order = np.argsort(raw_scores, kind="stable")
    return raw_scores[order], outcomes[order]


def _bins(ascending: FloatArray, probabilities: FloatArray) -> Indices:
    """Return where bins of equal binomial variance start; equal scores share a bin."""
    variance = np.cumsum(probabilities * (1.0 - probabilities))
    bins = int(min(MOST_BINS, variance[-1] // LEAST_VARIANCE))
    borders = np.searchsorted(variance, variance[-1] * np.arange(1, bins) / max(bins, 1))
    starts = np.searchsorted(ascending, ascending[np.minimum(borders, len(ascending) - 1)])
    return np.unique(np.append(0, starts)).astype(np.intp)


def _pool(
    rows: FloatArray, bad: FloatArray, expected: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    from sklearn.isotonic import isotonic_regression

    rates: FloatArray = isotonic_regression(bad / rows, sample_weight=rows)
    block = np.append(0, np.cumsum(np.diff(rates) > 0))

    def pooled(part: FloatArray) -> FloatArray:
        return np.bincount(block, weights=part).astype(np.float64)

    return pooled(rows), pooled(bad), pooled(expected)


def _with_ends(
    x: FloatArray, y: FloatArray, ascending: FloatArray, slope: float
) -> tuple[FloatArray, FloatArray]:
    low, high = float(ascending[0]), float(ascending[-1])
    ends = y[0] - slope * max(x[0] - low, 0.0), y[-1] + slope * max(high - x[-1], 0.0)
    return np.concatenate([[low], x, [high]]), np.concatenate([[ends[0]], y, [ends[1]]])


def _through(x: FloatArray, y: FloatArray) -> Calibrator | None:
    # Half a case more may turn two nearly level blocks round; centres that rounding made equal are one knot.
    y = np.maximum.accumulate(y)
    rises = np.append(True, np.diff(np.maximum.accumulate(x)) > 0)
    x, y = x[rises], y[rises]
    if len(x) < 2 or not y[0] < y[-1]:
        return None
    return Calibrator("isotonic", curve=Isotonic(tuple(x.tolist()), tuple(y.tolist())))
