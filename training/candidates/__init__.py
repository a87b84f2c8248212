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
    return FOR_FEW if bad_cases < FEW_BAD_CASES else FOR_MANY


LINEAR, SYMMETRIC, OTHER = ServingClass.LINEAR, ServingClass.SYMMETRIC_TREES, ServingClass.OTHER
LOGISTIC = Candidate("logistic_regression", LINEAR, fit_logistic_regression, {"C": 0.1})
FOREST = Candidate(
    "random_forest",
    OTHER,
    fit_random_forest,
    {"n_estimators": 200, "min_samples_leaf": 5, "max_leaf_nodes": 256, "max_samples": 20_000},
)
FOR_MANY = (
    LOGISTIC,
    Candidate(
        "catboost_shallow",
        SYMMETRIC,
        fit_catboost,
        {"iterations": 300, "depth": 4, "learning_rate": 0.06, "l2_leaf_reg": 5},
    ),
    Candidate(
        "catboost_deep",
        SYMMETRIC,
        fit_catboost,
        {"iterations": 400, "depth": 6, "learning_rate": 0.12, "l2_leaf_reg": 2},
    ),
    Candidate(
        "lightgbm", OTHER, fit_lightgbm, {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}
    ),
    Candidate("xgboost", OTHER, fit_xgboost, {"n_estimators": 300, "learning_rate": 0.08, "max_depth": 6}),
    FOREST,
)
FOR_FEW = (
    LOGISTIC,
    Candidate(
        "catboost_shallow",
        SYMMETRIC,
        fit_catboost,
        {"iterations": 200, "depth": 3, "learning_rate": 0.04, "l2_leaf_reg": 10},
    ),
    Candidate("lightgbm", OTHER, fit_lightgbm, {"n_estimators": 100, "learning_rate": 0.05, "num_leaves": 7}),
    Candidate("xgboost", OTHER, fit_xgboost, {"n_estimators": 100, "learning_rate": 0.05, "max_depth": 3}),
    FOREST,
)
