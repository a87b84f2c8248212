"""Designs from the rows to fit on, for learners of weights and distances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.design import Design, Scale
from training.data import Outcomes

# Extremes beyond these quantiles count as the quantile, or one income of millions would bend the weight.
CLIP = (0.005, 0.995)


def design_for(matrix: FloatArray, levels: Sequence[int]) -> Design:
    """Return the design that standardises numbers by the rows of `matrix` (rows, inputs)."""
    return Design([None if count else _scale(matrix[:, i]) for i, count in enumerate(levels)], levels)


def rows_to_fit(outcomes: Outcomes, most: int, seed: int) -> npt.NDArray[np.intp]:
    """Return all rows, in order, or `most` of them drawn with the seed; the share of bad stays as it is."""
    if len(outcomes) <= most:
        return np.arange(len(outcomes), dtype=np.intp)
    random = np.random.default_rng(seed)
    shares = [np.flatnonzero(outcomes == outcome) for outcome in (0, 1)]
    drawn = [
        random.choice(rows, max(1, round(most * len(rows) / len(outcomes))), replace=False) for rows in shares
    ]
    return np.sort(np.concatenate(drawn))


def _scale(column: FloatArray) -> Scale:
    present = column[~np.isnan(column)]
    if not len(present):
        return Scale(0.0, 1.0, 0.0, 0.0)
    low, high = np.quantile(present, CLIP)
    clipped = np.clip(present, low, high)
    return Scale(float(clipped.mean()), float(clipped.std()) or 1.0, float(low), float(high))
