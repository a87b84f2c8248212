"""Logistic regression on standardised numbers and one weight per level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from training.data import Outcomes

# Extremes beyond these quantiles count as the quantile, or one income of millions would bend the weight.
CLIP = (0.005, 0.995)


def fit_logistic_regression(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> LinearPredictor:
    """Fit with scikit-learn; nulls of a number get a weight of their own."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    scales = [None if count else _scale(matrix[:, i]) for i, count in enumerate(levels)]
    design = np.column_stack([_columns(matrix[:, i], count, scales[i]) for i, count in enumerate(levels)])
    # One thread: how many add up decides the last bits, and with them the bundle's name.
    with threadpool_limits(1, user_api="blas"):
        model = LogisticRegression(max_iter=5_000, random_state=seed, **parameters).fit(design, outcomes)
    weights = iter(model.coef_[0].tolist())
    terms = [_term(weights, count, scale) for count, scale in zip(levels, scales, strict=True)]
    return LinearPredictor(float(model.intercept_[0]), terms)


def _scale(column: FloatArray) -> tuple[float, float, float, float]:
    """Return (low, high, center, spread)."""
    present = column[~np.isnan(column)]
    if not len(present):
        return 0.0, 0.0, 0.0, 1.0
    low, high = np.quantile(present, CLIP)
    clipped = np.clip(present, low, high)
    return float(low), float(high), float(clipped.mean()), float(clipped.std()) or 1.0


def _columns(column: FloatArray, levels: int, scale: tuple[float, float, float, float] | None) -> FloatArray:
    missing = np.isnan(column)
    if scale is None:
        return np.column_stack([column == level for level in range(levels)] + [missing]).astype(np.float64)
    low, high, center, spread = scale
    standard = np.where(missing, 0.0, (np.clip(column, low, high) - center) / spread)
    return np.column_stack([standard, missing])


def _term(
    weights: Any, levels: int, scale: tuple[float, float, float, float] | None
) -> NumberTerm | LevelTerm:
    if scale is None:
        return LevelTerm(tuple(next(weights) for _ in range(levels)), next(weights))
    low, high, center, spread = scale
    return NumberTerm(next(weights) / spread, center, low, high, next(weights))
