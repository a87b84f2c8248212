"""95 % intervals of a mean and of a share."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from service.scoring.arithmetic import FloatArray

Interval: TypeAlias = tuple[float, float]

Z_95 = NormalDist().inv_cdf(0.975)


def mean_with_interval(values: FloatArray) -> tuple[float, Interval]:
    """Return the mean of independent values (rows,) and its 95 % interval."""
    mean = float(values.mean())
    half = Z_95 * float(values.std()) / float(np.sqrt(len(values)))
    return mean, (mean - half, mean + half)


def wilson(share: float, rows: float, z: float = Z_95) -> Interval:
    """Return the score interval of a share among so many rows (Wilson, 1927)."""
    center = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2) * z / (1 + z * z / rows)
    return max(0.0, center - half), min(1.0, center + half)
