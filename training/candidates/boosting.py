"""Gradient boosting by three libraries, each handed over as plain trees."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds
from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.symmetric_trees import UNUSED, SymmetricTrees
from service.scoring.predictors.trees import LEAF, NODE, Trees
from training.candidates.candidate import THREADS, threads_for
from training.data import Outcomes
from training.quantiser import FEW_BORDERS, Quantiser

if TYPE_CHECKING:
    import optuna

# The quantiser's bins are final: the library gets room for each of them, and for null.
SPARE_BINS = 4
# CatBoost refuses to draw a part of fewer rows.
FEWEST_TO_SAMPLE = 100


def catboost_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how many trees, how deep, how far each may go, and how much chance is in their choice."""
    return {
        "iterations": trial.suggest_int("iterations", 200, 1_000, log=True),
        "depth": trial.suggest_int("depth", 2, 6),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 30.0, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.0, 5.0),
    }


def lightgbm_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how many trees, how large, how far each may go, and which part of rows and inputs each sees."""
    return {
        "n_estimators": trial.suggest_int("n_estimators", 50, 1_000, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        # Up to 64 leaves are one word of the evaluator.
        "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 100, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
    }


def xgboost_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest how many trees, how deep, how far each may go, and which part of rows and inputs each sees."""
    return {
        "n_estimators": trial.suggest_int("n_estimators", 50, 1_000, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 7),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 30.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 30.0, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
    }


def fit_catboost(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> SymmetricTrees:
    """Fit CatBoost's symmetric trees; a null counts as less than every number."""
    from catboost import CatBoostClassifier

    borders, own = _split(parameters)
    if len(matrix) < FEWEST_TO_SAMPLE and own.pop("subsample", None):
        own["bootstrap_type"] = "No"
    quantiser = Quantiser(matrix, levels, borders)
    model = CatBoostClassifier(
        random_seed=seed,
        thread_count=THREADS,
        verbose=False,
        allow_writing_files=False,
        border_count=borders + SPARE_BINS,
        **own,
    )
    model.fit(quantiser.transform(matrix), outcomes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        model.save_model(str(file), format="json")
        dump = json.loads(file.read_text("utf-8"))
    return _symmetric(dump, quantiser)


def fit_lightgbm(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Trees:
    """Fit LightGBM's leaf-wise trees."""
    from lightgbm import LGBMClassifier

    borders, own = _split(parameters)
    quantiser = Quantiser(matrix, levels, borders)
    model = LGBMClassifier(
        random_state=seed,
        n_jobs=threads_for(len(matrix)),
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
        max_bin=borders + SPARE_BINS,
        min_data_in_bin=1,
        **own,
    )
    dump = model.fit(quantiser.transform(matrix), outcomes).booster_.dump_model()
    trees = [
        list(_walk_lightgbm(number, tree["tree_structure"], quantiser))
        for number, tree in enumerate(dump["tree_info"])
    ]
    return Trees(0.0, "log_odds", np.array([node for tree in trees for node in tree], dtype=NODE), levels)


def fit_xgboost(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Trees:
    """Fit XGBoost's depth-wise trees."""
    from xgboost import XGBClassifier

    borders, own = _split(parameters)
    quantiser = Quantiser(matrix, levels, borders)
    model = XGBClassifier(
        random_state=seed,
        n_jobs=threads_for(len(matrix)),
        tree_method="hist",
        max_bin=borders + SPARE_BINS,
        **own,
    )
    model.fit(quantiser.transform(matrix), outcomes)
    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    nodes = np.concatenate([_nodes_xgboost(number, tree, quantiser) for number, tree in enumerate(trees)])
    base = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
    return Trees(log_odds(base), "log_odds", nodes, levels)


def _split(parameters: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return how many borders the quantiser may draw, and the library's own parameters."""
    own = dict(parameters)
    return own.pop("borders", FEW_BORDERS), own


def _symmetric(dump: Mapping[str, Any], quantiser: Quantiser) -> SymmetricTrees:
    trees = dump["oblivious_trees"]
    places = [feature["flat_feature_index"] for feature in dump["features_info"]["float_features"]]
    depth = max(1, *(len(tree["splits"] or ()) for tree in trees))
    inputs = np.full((len(trees), depth), UNUSED, dtype=np.int32)
    values, leaves = np.zeros((len(trees), depth)), np.zeros((len(trees), 2**depth))
    scale, bias = dump["scale_and_bias"][0], dump["scale_and_bias"][1][0]
    for number, tree in enumerate(trees):
        splits = tree["splits"] or ()
        for level, split in enumerate(splits):
            place = places[split["float_feature_index"]]
            inputs[number, level], values[number, level] = quantiser.node(
                place, math.floor(split["border"]) + 1
            )
        leaves[number, : 2 ** len(splits)] = np.asarray(tree["leaf_values"]) * scale
    return SymmetricTrees(bias, inputs, values, on_grid(leaves), quantiser.levels)


def _walk_lightgbm(number: int, root: Mapping[str, Any], quantiser: Quantiser) -> Iterator[tuple[Any, ...]]:
    """Yield nodes in breadth-first order, which puts children after their parent."""
    queue, given = [root], 1
    for node in queue:
        if "split_feature" not in node:
            yield (number, LEAF, float(on_grid(node["leaf_value"])), 0, 0, False)
            continue
        place = node["split_feature"]
        position, value = quantiser.node(place, math.floor(node["threshold"]) + 1)
        # Without nulls in the rows it saw, LightGBM reads a null as 0, the lowest bin.
        null_right = node["missing_type"] == "NaN" and not node["default_left"]
        yield (number, position, value, given, given + 1, null_right and not quantiser.levels[position])
        queue += [node["left_child"], node["right_child"]]
        given += 2


def _nodes_xgboost(number: int, tree: Mapping[str, Any], quantiser: Quantiser) -> np.ndarray:
    nodes = np.zeros(len(tree["left_children"]), dtype=NODE)
    nodes["tree"] = number
    for i, left in enumerate(tree["left_children"]):
        if left < 0:
            nodes["input"][i], nodes["value"][i] = LEAF, on_grid(tree["split_conditions"][i])
            continue
        first_right = math.ceil(tree["split_conditions"][i])
        position, nodes["value"][i] = quantiser.node(tree["split_indices"][i], first_right)
        nodes["input"][i], nodes["left"][i], nodes["right"][i] = position, left, tree["right_children"][i]
        nodes["null_right"][i] = not tree["default_left"][i] and not quantiser.levels[position]
    return nodes
