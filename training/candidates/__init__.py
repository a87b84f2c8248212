"""The models that are tried: each fits with a library and hands over a predictor of plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors import Predictor
from training.candidates.boosting import fit_catboost, fit_lightgbm, fit_xgboost
from training.candidates.forest import fit_random_forest
from training.candidates.logistic import fit_logistic_regression
from training.data import Outcomes

Fit: TypeAlias = Callable[[FloatArray, Outcomes, Sequence[int], Mapping[str, Any], int], Predictor]


FEW_BAD_CASES = 500


class ServingClass(IntEnum):
    """How much a model costs to serve, by its kind: declared, not timed."""

    LINEAR = 1
    SYMMETRIC_TREES = 2
    OTHER = 3


@dataclass(frozen=True)
class Candidate:
    """A kind of model and its parameters; `fit(matrix, outcomes, levels, parameters, seed)` gives a predictor."""

    name: str
    serving_class: ServingClass
    fit: Fit
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def predictor(
        self, matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], seed: int
    ) -> Predictor:
        """Fit on `matrix` (rows, inputs) and `outcomes` (rows,), 1 = bad."""
        return self.fit(matrix, outcomes, levels, self.parameters, seed)


def candidates(bad_cases: int) -> tuple[Candidate, ...]:
    """Return the candidates for a table with so many bad cases: the fewer, the simpler the trees."""
    logistic = Candidate("logistic_regression", ServingClass.LINEAR, fit_logistic_regression, {"C": 0.1})
    forest = {"n_estimators": 200, "min_samples_leaf": 5, "max_leaf_nodes": 256}
    others = (
        ("lightgbm", fit_lightgbm, {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}),
        ("xgboost", fit_xgboost, {"n_estimators": 300, "learning_rate": 0.08, "max_depth": 6}),
        ("random_forest", fit_random_forest, forest),
    )
    symmetric = (
        ("catboost_shallow", {"iterations": 300, "depth": 4, "learning_rate": 0.06, "l2_leaf_reg": 5}),
        ("catboost_deep", {"iterations": 400, "depth": 6, "learning_rate": 0.12, "l2_leaf_reg": 2}),
    )
    if bad_cases < FEW_BAD_CASES:
        others = (
            ("lightgbm", fit_lightgbm, {"n_estimators": 100, "learning_rate": 0.05, "num_leaves": 7}),
            ("xgboost", fit_xgboost, {"n_estimators": 100, "learning_rate": 0.05, "max_depth": 3}),
            ("random_forest", fit_random_forest, forest),
        )
        symmetric = (
            ("catboost_shallow", {"iterations": 200, "depth": 3, "learning_rate": 0.04, "l2_leaf_reg": 10}),
        )
    return (
        logistic,
        *(Candidate(name, ServingClass.SYMMETRIC_TREES, fit_catboost, values) for name, values in symmetric),
        *(Candidate(name, ServingClass.OTHER, fit, values) for name, fit, values in others),
    )
