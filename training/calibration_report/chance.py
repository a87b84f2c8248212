"""The calibration error, beside what a perfect model of as many rows would show by chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.calibration_report.judged import Judged, judged
from training.data import Outcomes

DRAWS = 500
SEED = 0


def calibration_error(given: Judged, sample: Judged) -> dict[str, Any]:
    """Return the ECE over ten bins of equal count, and its distribution were every probability exactly right.

    `value` and `chance` are of the sample's scale; `population` is the weighted one, where there are weights.
    Chance: outcomes are drawn from the probabilities themselves, row by row, so that nothing is approximated.
    """
    if sample.shift is None:
        return {"value": None, "population": None, "chance": None, "within_chance": None,
                "reason": sample.one_outcome}  # fmt: skip
    value, perfect = _error(sample), _by_chance(sample)
    p95, p99 = np.percentile(perfect, [95, 99]).tolist()
    return {
        "value": value,
        "population": _error(given) if given.shift else None,
        "bins": len(sample.equal_bins()),
        "chance": {
            "mean": float(perfect.mean()),
            "percentile_95": p95,
            "percentile_99": p99,
            "draws": DRAWS,
            "seed": SEED,
        },
        "within_chance": bool(value <= p99),
        "reason": None,
    }


def expected_calibration_error(
    outcomes: Outcomes, probabilities: FloatArray, weights: FloatArray | None = None
) -> float:
    """Return the mean gap between P(bad) and bad rate over ten bins of equal count, each weighted by its rows."""
    return _error(judged(outcomes, probabilities, weights))


def _error(rows: Judged) -> float:
    gaps = (rows.probabilities - rows.outcomes) * rows.weights
    return float(np.abs(np.add.reduceat(gaps, rows.equal_bins())).sum() / rows.weights.sum())


def _by_chance(rows: Judged) -> FloatArray:
    """Return the error (draws,) of outcomes that are drawn from the probabilities."""
    starts = rows.equal_bins()
    parts = list(zip(starts, [*starts[1:], rows.rows], strict=True))
    rng = np.random.default_rng(SEED)
    bad = np.empty((DRAWS, len(starts)))
    for draw in range(DRAWS):
        happened = rng.random(rows.rows) < rows.probabilities
        bad[draw] = [np.count_nonzero(happened[start:end]) for start, end in parts]
    errors: FloatArray = np.abs(bad - np.add.reduceat(rows.probabilities, starts)).sum(axis=1) / rows.rows
    return errors
