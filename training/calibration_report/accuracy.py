"""Brier score with its parts, and log loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.calibration_report.judged import Judged
from training.losses import log_losses


def accuracy(judged: Judged) -> dict[str, Any]:
    """Return `brier` and `log_loss` (nats) as JSON data, weighted where there are weights."""
    return {
        "brier": _brier(judged),
        "log_loss": judged.mean(log_losses(judged.outcomes, judged.probabilities)),
    }


def _brier(judged: Judged) -> dict[str, Any]:
    """Split the score as Murphy (1973): value = reliability - resolution + uncertainty + within_bins.

    The parts are of ten bins of equal count. The last is what binning leaves over: by how much probabilities that
    vary within a bin do better (below 0) or worse than the bin's mean (Stephenson et al., 2008).
    """
    starts, weights = judged.equal_bins(), judged.weights
    total = np.add.reduceat(weights, starts)

    def bin_means(values: FloatArray) -> FloatArray:
        means: FloatArray = np.add.reduceat(values * weights, starts) / total
        return means

    outcomes = judged.outcomes.astype(np.float64)
    base, rates, expected = judged.mean(outcomes), bin_means(outcomes), bin_means(judged.probabilities)
    value = judged.mean((judged.probabilities - outcomes) ** 2)
    reliability = float(np.average((expected - rates) ** 2, weights=total))
    resolution = float(np.average((rates - base) ** 2, weights=total))
    uncertainty = base * (1.0 - base)
    return {
        "value": value,
        "reliability": reliability,
        "resolution": resolution,
        "uncertainty": uncertainty,
        "within_bins": value - (reliability - resolution + uncertainty),
        "bins": len(starts),
        "skill": None if judged.one_outcome else 1.0 - value / uncertainty,
        "reason": judged.one_outcome,
    }
