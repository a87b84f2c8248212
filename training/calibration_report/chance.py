"""The calibration error, beside what a perfect model of as many rows would show by chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.calibration_report.judged import Judged

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


def _error(judged: Judged) -> float:
    gaps = (judged.probabilities - judged.outcomes) * judged.weights
    return float(np.abs(np.add.reduceat(gaps, judged.equal_bins())).sum() / judged.weights.sum())


def _by_chance(judged: Judged) -> FloatArray:
    """Return the error (draws,) of outcomes that are drawn from the probabilities."""
    starts = judged.equal_bins()
    parts = list(zip(starts, [*starts[1:], judged.rows], strict=True))
    rng = np.random.default_rng(SEED)
    bad = np.empty((DRAWS, len(starts)))
    for draw in range(DRAWS):
        happened = rng.random(judged.rows) < judged.probabilities
        bad[draw] = [np.count_nonzero(happened[start:end]) for start, end in parts]
    errors: FloatArray = np.abs(bad - np.add.reduceat(judged.probabilities, starts)).sum(axis=1) / judged.rows
    return errors
