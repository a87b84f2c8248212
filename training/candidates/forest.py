"""Random forest, as plain nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.trees import LEAF, NODE, Trees
from training.data import Outcomes
from training.quantiser import BEYOND, Quantiser


def fit_random_forest(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Trees:
    """Fit with scikit-learn; the raw score is the log-odds of the trees' mean share of bad."""
    from sklearn.ensemble import RandomForestClassifier

    quantiser = Quantiser(matrix, levels)
    rows_per_tree = min(len(matrix), parameters["max_samples"])
    model = RandomForestClassifier(
        random_state=seed, n_jobs=-1, **{**parameters, "max_samples": rows_per_tree}
    )
    model.fit(quantiser.transform(matrix), outcomes)
    trees = [
        _nodes(i, estimator.tree_, quantiser, 1.0 / len(model.estimators_))
        for i, estimator in enumerate(model.estimators_)
    ]
    return Trees(0.0, "probability", np.concatenate(trees), levels)


def _nodes(number: int, tree: Any, quantiser: Quantiser, share: float) -> np.ndarray:
    nodes = np.zeros(tree.node_count, dtype=NODE)
    nodes["tree"], nodes["input"] = number, LEAF
    bad = tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1)
    nodes["value"] = on_grid(bad * share)
    for i in np.flatnonzero(tree.children_left >= 0):
        # An infinite threshold parts nulls from everything else.
        first_right = math.floor(min(tree.threshold[i], BEYOND)) + 1
        nodes["input"][i], nodes["value"][i] = quantiser.node(int(tree.feature[i]), first_right)
        nodes["null_right"][i] = not tree.missing_go_to_left[i]
    nodes["left"], nodes["right"] = np.maximum(tree.children_left, 0), np.maximum(tree.children_right, 0)
    _clear_level_nulls(nodes, quantiser)
    return nodes


def _clear_level_nulls(nodes: np.ndarray, quantiser: Quantiser) -> None:
    # A null has no level, so every question about a level is answered no.
    is_level = np.array([count > 0 for count in quantiser.levels])
    inner = nodes["input"] != LEAF
    nodes["null_right"][inner] &= ~is_level[nodes["input"][inner]]
