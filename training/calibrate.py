"""Choose how raw scores become probabilities, on scores of rows that the predictor did not learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import Calibrator, Method
from training.calibrator_fits import FITS
from training.data import Indices, Outcomes
from training.logistic_fit import log_losses_at

PARTS = 5
# From simple to complex: of two that are equally good the simpler one comes first.
METHODS: tuple[Method, ...] = tuple(FITS)


@dataclass(frozen=True)
class Tried:
    """A method's log loss out of fold, and how much lower it is than that of the uncalibrated scores."""

    method: Method
    log_loss: float
    gain: float
    standard_error: float

    @property
    def helps(self) -> bool:
        """Whether the gain is above one standard error."""
        return self.gain > self.standard_error


@dataclass(frozen=True)
class Calibrated:
    """The calibrator chosen; P(bad) (scores,), each by a fit of its kind on other rows; and what was tried."""

    calibrator: Calibrator
    probabilities: FloatArray
    tried: tuple[Tried, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON data."""
        return {
            "chosen": self.calibrator.method,
            "tried": [{**asdict(item), "helps": item.helps} for item in self.tried],
        }


def calibrate(
    raw_scores: FloatArray,
    outcomes: Outcomes,
    rows: Indices,
    population_bad_rate: float | None = None,
    methods: Sequence[Method] = METHODS,
) -> Calibrated:
    """Fit every method on other rows, choose by log loss, and fit the chosen one on all.

    raw_scores: log-odds (scores,) of rows that were held out of the fit that scored them; outcomes (scores,);
    rows: which row each is of, for a row may be scored in several rounds, and all its scores stay together.
    The method of the lowest loss is chosen among those that help: whose loss is lower than without calibration by
    more than one standard error of the paired differences per row. With fewer than ten rows of an outcome nothing
    is tried. The choice is made at the
    sample's bad rate. With `population_bad_rate` the offset is added afterwards, to calibrator and
    probabilities alike.
    """
    shown = _Shown(raw_scores, outcomes, *_parts(outcomes, rows))
    chosen, crossed, tried = _choose(shown, methods)
    offset = prior_offset(shown.row_outcomes, population_bad_rate)
    return Calibrated(replace(chosen, offset=offset), logistic(crossed + offset), tuple(tried))


def prior_offset(outcomes: Outcomes, population_bad_rate: float | None) -> float:
    """Return what to add to log-odds learnt from `outcomes` (rows,) where bad cases are rarer or commoner in nature.

    logit(population's bad rate) - logit(sample's): King and Zeng, 2001; Elkan, 2001. It holds where sampling
    depended on the outcome alone.
    """
    if population_bad_rate is None:
        return 0.0
    sample = float(outcomes.mean())
    return _logit(population_bad_rate) - _logit(sample)


def case_weights(outcomes: Outcomes, population_bad_rate: float | None) -> FloatArray:
    """Return weights (rows,) of mean 1 under which figures of a sample are the population's; all 1 without a rate."""
    if population_bad_rate is None:
        return np.ones(len(outcomes))
    sample = float(outcomes.mean())
    of_bad, of_good = population_bad_rate / sample, (1 - population_bad_rate) / (1 - sample)
    return np.where(outcomes == 1, of_bad, of_good)


@dataclass(frozen=True)
class _Shown:
    """Scores and outcomes (scores,); per score its row's number from 0 and its part; the outcomes of the rows."""

    raw_scores: FloatArray
    outcomes: Outcomes
    row: Indices
    part: Indices
    row_outcomes: Outcomes

    def row_means(self, values: FloatArray) -> FloatArray:
        return np.bincount(self.row, weights=values) / np.bincount(self.row)

    def crossed(self, method: Method) -> FloatArray | None:
        """Return calibrated log-odds (scores,) by fits on other parts; None where one of them does not exist."""
        log_odds = np.empty(len(self.outcomes))
        for number in range(PARTS):
            held = self.part == number
            fit = FITS[method](self.raw_scores[~held], self.outcomes[~held])
            if fit is None:
                return None
            log_odds[held] = fit.log_odds(self.raw_scores[held])
        return log_odds


def _parts(outcomes: Outcomes, rows: Indices) -> tuple[Indices, Indices, Outcomes]:
    # Every fifth row of each outcome in turn: no chance is involved, and every part has both outcomes.
    _, first, row = np.unique(rows, return_index=True, return_inverse=True)
    part_of_row = np.empty(len(first), dtype=np.intp)
    for outcome in (0, 1):
        members = np.flatnonzero(outcomes[first] == outcome)
        part_of_row[members] = np.arange(len(members)) % PARTS
    return row, part_of_row[row], outcomes[first]


def _choose(shown: _Shown, methods: Sequence[Method]) -> tuple[Calibrator, FloatArray, list[Tried]]:
    chosen, best = Calibrator(), shown.raw_scores
    uncalibrated = shown.row_means(log_losses_at(best, shown.outcomes))
    lowest = float(uncalibrated.mean())
    tried = [Tried("none", lowest, 0.0, 0.0)]
    if np.bincount(shown.row_outcomes, minlength=2).min() < 2 * PARTS:
        return chosen, best, tried
    for method in (name for name in METHODS[1:] if name in methods):
        fit, crossed = FITS[method](shown.raw_scores, shown.outcomes), shown.crossed(method)
        if fit is None or crossed is None:
            continue
        theirs = shown.row_means(log_losses_at(crossed, shown.outcomes))
        tried.append(_try(method, uncalibrated, theirs))
        if tried[-1].helps and tried[-1].log_loss < lowest:
            chosen, best, lowest = fit, crossed, tried[-1].log_loss
    return chosen, best, tried


def _try(method: Method, uncalibrated: FloatArray, losses: FloatArray) -> Tried:
    gains = uncalibrated - losses
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return Tried(method, float(losses.mean()), float(gains.mean()), error)


def _logit(p: float) -> float:
    return math.log(p) - math.log1p(-p)
