"""How far probabilities can be taken at their word: figures and tests of calibration, as JSON data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.calibration_report.accuracy import accuracy
from training.calibration_report.chance import calibration_error, expected_calibration_error
from training.calibration_report.goodness import hosmer_lemeshow, spiegelhalter
from training.calibration_report.grades import grade_tests
from training.calibration_report.judged import judged
from training.calibration_report.recalibration import recalibration
from training.data import Indices, Outcomes


def calibration_report(
    outcomes: Outcomes,
    probabilities: FloatArray,
    weights: FloatArray | None = None,
    grades: Sequence[float] | None = None,
    rows: Indices | None = None,
) -> dict[str, Any]:
    """Judge P(bad) (scores,) against outcomes (scores,), which took no part in the fit of either model or calibrator.

    weights: those of `case_weights`, where probabilities are the population's and the outcomes a sample of another
    bad rate. Brier and log loss are then the population's; everything that tests or simulates is done on the
    sample's scale, to which the probabilities are turned back by Bayes' rule, and where each row counts once.
    grades: ascending borders on P(bad), a border belonging to the grade above it; without them ten bands of equal
    count. rows: which row each score is of; a row scored several times counts once, with its first score, for
    repeats are no further evidence. A figure that the rows cannot give is None, with a reason beside it.
    """
    if rows is not None:
        _, first = np.unique(rows, return_index=True)
        outcomes, probabilities = outcomes[first], probabilities[first]
        weights = None if weights is None else weights[first]
    given = judged(outcomes, probabilities, weights)
    sample = given.on_sample_scale()
    return {
        "rows": len(outcomes),
        "bad": int(outcomes.sum()),
        "bad_rate": given.mean(given.outcomes),
        "mean_probability": given.mean(given.probabilities),
        "weighted": weights is not None,
        "tests_on": "the probabilities as they are"
        if weights is None
        else "the sample's bad rate, unweighted",
        **accuracy(given),
        "ece": calibration_error(given, sample),
        "recalibration": recalibration(sample),
        "spiegelhalter": spiegelhalter(sample),
        "hosmer_lemeshow": hosmer_lemeshow(sample),
        "grades": grade_tests(given, sample, grades),
    }


__all__ = ["calibration_report", "expected_calibration_error"]
