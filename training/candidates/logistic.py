"""Logistic regression on standardised numbers and one weight per level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.design import Scale
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from training.candidates.designs import design_for
from training.data import Outcomes

if TYPE_CHECKING:
    import optuna


def logistic_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how far weights may go from 0."""
    return {"C": trial.suggest_float("C", 1e-4, 100.0, log=True)}


def fit_logistic_regression(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> LinearPredictor:
    """Fit with scikit-learn; nulls of a number get a weight of their own."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    design = design_for(matrix, levels)
    # One thread: how many add up decides the last bits, and with them the bundle's name.
    with threadpool_limits(1, user_api="blas"):
        model = LogisticRegression(max_iter=5_000, random_state=seed, **parameters)
        model.fit(design.of_many(matrix), outcomes)
    weights = iter(model.coef_[0].tolist())
    terms = [_term(weights, count, scale) for count, scale in zip(levels, design.scales, strict=True)]
    return LinearPredictor(float(model.intercept_[0]), terms)


def _term(weights: Iterator[float], levels: int, scale: Scale | None) -> NumberTerm | LevelTerm:
    if scale is None:
        return LevelTerm(tuple(next(weights) for _ in range(levels)), next(weights))
    return NumberTerm(next(weights) / scale.spread, scale.center, scale.low, scale.high, next(weights))
