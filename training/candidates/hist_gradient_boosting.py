"""Gradient boosting by scikit-learn on histograms, as plain nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.trees import LEAF, NODE, Trees
from training.data import Outcomes
from training.quantiser import BEYOND, Quantiser

if TYPE_CHECKING:
    import optuna


def hist_gradient_boosting_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how many trees, how large, and how far each may go."""
    return {
        "max_iter": trial.suggest_int("max_iter", 50, 600, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 63, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 100, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 30.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.3, 1.0),
    }


def fit_hist_gradient_boosting(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Trees:
    """Fit on all rows; none are set aside to stop early."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    quantiser = Quantiser(matrix, levels)
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **parameters)
    # One thread: it adds up gradients over threads in whatever order they finish.
    with threadpool_limits(1):
        model.fit(_without_empty_columns(quantiser.transform(matrix)), outcomes)
    # The fitted trees have no public name; the tests hold these two against the library's own scores.
    trees = [stage[0].nodes for stage in model._predictors]
    nodes = [_nodes(number, tree, quantiser) for number, tree in enumerate(trees)]
    return Trees(float(model._baseline_prediction[0, 0]), "log_odds", np.concatenate(nodes), levels)


def _without_empty_columns(binned: FloatArray) -> FloatArray:
    """Return columns without a value as zeros: the library cannot bin them, and no tree asks about either."""
    binned[:, np.isnan(binned).all(axis=0)] = 0.0
    return binned


def _nodes(number: int, tree: np.ndarray, quantiser: Quantiser) -> np.ndarray:
    nodes = np.zeros(len(tree), dtype=NODE)
    nodes["tree"], nodes["input"], nodes["value"] = number, LEAF, on_grid(tree["value"])
    for i in np.flatnonzero(tree["is_leaf"] == 0):
        # An infinite threshold parts nulls from everything else.
        first_right = math.floor(min(tree["num_threshold"][i], BEYOND)) + 1
        nodes["input"][i], nodes["value"][i] = quantiser.node(int(tree["feature_idx"][i]), first_right)
        nodes["null_right"][i] = not tree["missing_go_to_left"][i]
    nodes["left"], nodes["right"] = tree["left"], tree["right"]
    quantiser.clear_level_nulls(nodes)
    return nodes
