"""Weights that move the mean of a column and leave everything else to follow as it does in the data."""

from __future__ import annotations

import numpy as np

from service.errors import WrongUse
from service.scoring.arithmetic import FloatArray
from training.simulation.changes import Declared

# Of the rows to choose among, what must be left in effect: fewer, and the same few rows would come again and again.
LEAST_EFFECTIVE = 0.05
_STEEPEST = 50.0


def standardised(values: FloatArray, reference: FloatArray) -> FloatArray:
    """Return values in standard deviations from the mean of a reference; null is the mean, outliers end at 4."""
    spread = float(np.nanstd(reference))
    if not spread > 0:
        return np.zeros_like(values)
    scores = (values - float(np.nanmean(reference))) / spread
    within: FloatArray = np.clip(np.nan_to_num(scores, nan=0.0), -4.0, 4.0)
    return within


def tilt(scores: FloatArray, move: float, declared: Declared) -> float:
    """Return t so that weights exp(t * scores) move the mean of scores (rows,) by `move`.

    Exponential tilting: of all distributions with that mean it is the nearest to the one there was (Csiszár, 1975).
    Raises `WrongUse` where the data reach no such mean, or only by a few of their rows.
    """
    if not move:
        return 0.0
    target = float(scores.mean()) + move
    low, high = -_STEEPEST, _STEEPEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean(scores, middle) < target else (low, middle)
    weights = _weights(scores, low)
    effective = 1 / float((weights**2).sum() * len(weights))
    if abs(_mean(scores, low) - target) > 0.02 or effective < LEAST_EFFECTIVE:
        raise WrongUse(
            f"--{declared.change} {declared.text}: too few of the records lie so far from the mean of "
            f"{declared.column}; declare a smaller change"
        )
    return low


def _mean(scores: FloatArray, steepness: float) -> float:
    return float(_weights(scores, steepness) @ scores)


def _weights(scores: FloatArray, steepness: float) -> FloatArray:
    powers = steepness * scores
    weights = np.exp(powers - powers.max())
    shares: FloatArray = weights / weights.sum()
    return shares
