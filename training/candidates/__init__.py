"""The models that are tried: each fits with a library and hands over a predictor of plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.candidates.boosting import (
    catboost_space,
    fit_catboost,
    fit_lightgbm,
    fit_xgboost,
    lightgbm_space,
    xgboost_space,
)
from training.candidates.candidate import Candidate, RawScorer, ServingClass
from training.candidates.compared import fit_knn, fit_svm, knn_space, svm_space
from training.candidates.forest import fit_decision_tree, fit_random_forest, forest_space, tree_space
from training.candidates.hist_gradient_boosting import (
    fit_hist_gradient_boosting,
    hist_gradient_boosting_space,
)
from training.candidates.logistic import fit_logistic_regression, logistic_space
from training.candidates.network import fit_mlp, mlp_space
from training.quantiser import FEW_BORDERS, MANY_BORDERS

__all__ = ["FOR_FEW", "FOR_MANY", "Candidate", "RawScorer", "ServingClass", "candidates", "quick_candidates"]

FEW_BAD_CASES = 500
# One simple and one strong that serve cheaply, and whose starts suit small tables too.
QUICK: dict[str, Mapping[str, Any]] = {
    "logistic_regression": {},
    "catboost_smooth": {"iterations": 200, "learning_rate": 0.1},
}


def candidates(bad_cases: int) -> tuple[Candidate, ...]:
    """Return the candidates for a table with so many bad cases: the fewer, the simpler they start."""
    return FOR_FEW if bad_cases < FEW_BAD_CASES else FOR_MANY


def quick_candidates(bad_cases: int) -> tuple[Candidate, ...]:
    """Return two of `candidates` with parameters that are fitted in a moment."""
    every = {item.name: item for item in candidates(bad_cases)}
    return tuple(every[name].with_parameters(parameters) for name, parameters in QUICK.items())


LINEAR, SYMMETRIC, OTHER = ServingClass.LINEAR, ServingClass.SYMMETRIC_TREES, ServingClass.OTHER
FOR_MANY = (
    Candidate("logistic_regression", LINEAR, fit_logistic_regression, {"C": 0.1}, logistic_space),
    Candidate(
        "catboost_smooth",
        SYMMETRIC,
        fit_catboost,
        {
            "iterations": 500,
            "depth": 5,
            "learning_rate": 0.04,
            "l2_leaf_reg": 30.0,
            "random_strength": 0.0,
            "bootstrap_type": "Bernoulli",
            "subsample": 0.7,
            "rsm": 0.4,
            "borders": FEW_BORDERS,
        },
        catboost_space,
    ),
    Candidate(
        "catboost_fine",
        SYMMETRIC,
        fit_catboost,
        {
            "iterations": 900,
            "depth": 3,
            "learning_rate": 0.2,
            "l2_leaf_reg": 3.0,
            "random_strength": 1.0,
            "borders": MANY_BORDERS,
        },
        catboost_space,
    ),
    Candidate(
        "lightgbm",
        OTHER,
        fit_lightgbm,
        {
            "n_estimators": 500,
            "learning_rate": 0.04,
            "num_leaves": 24,
            "min_child_samples": 20,
            "reg_lambda": 1.0,
            "colsample_bytree": 0.6,
            "subsample": 0.8,
            "subsample_freq": 1,
            "borders": MANY_BORDERS,
        },
        lightgbm_space,
    ),
    Candidate(
        "xgboost",
        OTHER,
        fit_xgboost,
        {
            "n_estimators": 400,
            "learning_rate": 0.06,
            "max_depth": 6,
            "min_child_weight": 2.0,
            "reg_lambda": 1.0,
            "colsample_bytree": 0.6,
            "subsample": 0.8,
            "borders": MANY_BORDERS,
        },
        xgboost_space,
    ),
    Candidate(
        "hist_gradient_boosting",
        OTHER,
        fit_hist_gradient_boosting,
        {
            "max_iter": 150,
            "learning_rate": 0.08,
            "max_leaf_nodes": 31,
            "min_samples_leaf": 20,
            "l2_regularization": 1.0,
            "max_features": 0.8,
        },
        hist_gradient_boosting_space,
    ),
    Candidate(
        "random_forest",
        OTHER,
        fit_random_forest,
        {
            "n_estimators": 100,
            "max_leaf_nodes": 256,
            "min_samples_leaf": 5,
            "max_features": 0.25,
            "max_samples": 20_000,
        },
        forest_space,
    ),
    Candidate(
        "decision_tree", OTHER, fit_decision_tree, {"max_leaf_nodes": 48, "min_samples_leaf": 30}, tree_space
    ),
    Candidate(
        "mlp",
        OTHER,
        fit_mlp,
        {"hidden": 32, "second": 16, "alpha": 0.1, "learning_rate": 3e-3, "epochs": 30, "batch": 256},
        mlp_space,
    ),
    Candidate("knn", OTHER, fit_knn, {"neighbours": 60, "most_rows": 20_000}, knn_space, servable=False),
    Candidate(
        "svm",
        OTHER,
        fit_svm,
        {"gamma": 1.0, "C": 0.3, "landmarks": 200, "most_rows": 20_000},
        svm_space,
        servable=False,
    ),
)
_SIMPLER: dict[str, Mapping[str, Any]] = {
    "catboost_smooth": {
        "iterations": 200,
        "depth": 3,
        "learning_rate": 0.04,
        "l2_leaf_reg": 10.0,
        "rsm": 0.2,
    },
    "catboost_fine": {"iterations": 200, "depth": 5, "learning_rate": 0.03, "l2_leaf_reg": 10.0},
    "lightgbm": {"n_estimators": 100, "num_leaves": 7, "min_child_samples": 20},
    "xgboost": {"n_estimators": 100, "learning_rate": 0.05, "max_depth": 3},
    "hist_gradient_boosting": {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 7},
    "decision_tree": {"max_leaf_nodes": 12, "min_samples_leaf": 20},
    "mlp": {"hidden": 16, "second": 8, "alpha": 1.0, "batch": 64},
    "knn": {"neighbours": 40},
    "svm": {"gamma": 0.5},
}
FOR_FEW = tuple(item.with_parameters(_SIMPLER.get(item.name, {})) for item in FOR_MANY)
