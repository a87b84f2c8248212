"""Decision tree and random forest, as plain nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds
from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.trees import LEAF, NODE, Trees
from training.candidates.candidate import THREADS
from training.data import Outcomes
from training.quantiser import BEYOND, Quantiser

if TYPE_CHECKING:
    import optuna


def tree_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how large a single tree may grow."""
    return {
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 256, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 200, log=True),
    }


def forest_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how many trees, how large, and how different from one another."""
    return {
        "n_estimators": trial.suggest_int("n_estimators", 50, 120),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 32, 384, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 50, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 1.0),
    }


def fit_decision_tree(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Trees:
    """Fit with scikit-learn; the raw score is the log-odds of the leaf's share of bad.

    Each leaf counts one more case that is bad at the overall rate: no share is 0 or 1.
    """
    from sklearn.tree import DecisionTreeClassifier

    quantiser = Quantiser(matrix, levels)
    model = DecisionTreeClassifier(random_state=seed, **parameters)
    tree = model.fit(quantiser.transform(matrix), outcomes).tree_
    cases = tree.weighted_n_node_samples
    share = (_share_of_bad(tree) * cases + outcomes.mean()) / (cases + 1)
    return Trees(0.0, "log_odds", _nodes(0, tree, quantiser, log_odds(share)), levels)


def fit_random_forest(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Trees:
    """Fit with scikit-learn; the raw score is the log-odds of the trees' mean share of bad.

    The mean counts one more tree that knows only the overall rate: it is never 0 or 1.
    """
    from sklearn.ensemble import RandomForestClassifier

    quantiser = Quantiser(matrix, levels)
    rows_per_tree = min(len(matrix), parameters["max_samples"])
    model = RandomForestClassifier(
        random_state=seed, n_jobs=THREADS, **{**parameters, "max_samples": rows_per_tree}
    )
    model.fit(quantiser.transform(matrix), outcomes)
    part = 1.0 / (len(model.estimators_) + 1)
    trees = [
        _nodes(i, estimator.tree_, quantiser, _share_of_bad(estimator.tree_) * part)
        for i, estimator in enumerate(model.estimators_)
    ]
    return Trees(float(outcomes.mean()) * part, "probability", np.concatenate(trees), levels)


def _share_of_bad(tree: Any) -> FloatArray:
    share: FloatArray = tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1)
    return share


def _nodes(number: int, tree: Any, quantiser: Quantiser, leaf_values: FloatArray) -> np.ndarray:
    nodes = np.zeros(tree.node_count, dtype=NODE)
    nodes["tree"], nodes["input"], nodes["value"] = number, LEAF, on_grid(leaf_values)
    for i in np.flatnonzero(tree.children_left >= 0):
        # An infinite threshold parts nulls from everything else.
        first_right = math.floor(min(tree.threshold[i], BEYOND)) + 1
        nodes["input"][i], nodes["value"][i] = quantiser.node(int(tree.feature[i]), first_right)
        nodes["null_right"][i] = not tree.missing_go_to_left[i]
    nodes["left"], nodes["right"] = np.maximum(tree.children_left, 0), np.maximum(tree.children_right, 0)
    quantiser.clear_level_nulls(nodes)
    return nodes
