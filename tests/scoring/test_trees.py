from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.arithmetic import log_odds
from service.scoring.errors import BundleInvalid
from service.scoring.predictors import predictor_from_files
from service.scoring.predictors.arrays import to_npy
from service.scoring.predictors.trees import LEAF, NODE, Trees
from tests.scoring.agreement import bits
from tests.scoring.ensembles import random_matrix, random_tree, random_trees
from tests.scoring.strategies import USUAL

LEVELS = (0, 3)
# A number, then a category; null goes right at the root only.
SMALL = [
    (0, 0, 0.5, 1, 2, True),
    (0, LEAF, 0.25, 0, 0, False),
    (0, 1, 2.0, 3, 4, False),
    (0, LEAF, 0.5, 0, 0, False),
    (0, LEAF, 1.0, 0, 0, False),
    (1, LEAF, -1.0, 0, 0, False),
]


def walk(model: Trees, row: list[float]) -> float:
    """Go down every tree, node by node."""
    total = model.bias
    for start in np.flatnonzero(np.diff(model.nodes["tree"], prepend=-1)).tolist():
        node = model.nodes[start]
        while node["input"] != LEAF:
            x = row[node["input"]]
            right = x == node["value"] if model.levels[node["input"]] else x > node["value"]
            right = bool(node["null_right"]) if math.isnan(x) else right
            node = model.nodes[start + node["right" if right else "left"]]
        total += node["value"]
    return log_odds(float(total)) if model.link == "probability" else float(total)


def assert_scores_as_walked(model: Trees, matrix: npt.NDArray[np.float64]) -> None:
    walked = b"".join(bits(walk(model, row)) for row in matrix.tolist())
    assert b"".join(bits(model.score_one(row)) for row in matrix.tolist()) == walked
    assert model.score_many(matrix).tobytes() == walked


@USUAL
@given(
    seed=st.integers(0, 2**32),
    levels=st.lists(st.sampled_from([0, 0, 2, 5]), min_size=1, max_size=6),
    trees=st.integers(1, 12),
    leaves=st.sampled_from([1, 2, 7, 70]),
    link=st.sampled_from(["log_odds", "probability"]),
)
def test_one_record_many_and_a_walk_give_the_same_bits(
    seed: int, levels: list[int], trees: int, leaves: int, link: Any
) -> None:
    rng = np.random.default_rng(seed)
    model = random_trees(rng, levels, trees=trees, leaves=leaves, link=link)
    assert_scores_as_walked(model, random_matrix(rng, levels, 30))


@pytest.mark.parametrize("leaves", [63, 64, 65, 128, 129, 300])
def test_trees_of_many_leaves_take_several_words(leaves: int) -> None:
    rng = np.random.default_rng(leaves)
    levels = (0, 4, 0, 2)
    nodes = np.concatenate([random_tree(rng, levels, leaves, tree) for tree in range(3)])
    model = Trees(0.125, "log_odds", nodes, levels)
    assert len(model.every_leaf) == 3 * math.ceil(leaves / 64)
    assert_scores_as_walked(model, random_matrix(rng, levels, 200))


def test_every_leaf_of_a_chain_of_splits_is_found() -> None:
    leaves = 150
    nodes = np.zeros(2 * leaves - 1, dtype=NODE)
    nodes["input"][1::2] = LEAF
    nodes["input"][-1] = LEAF
    inner = np.arange(leaves - 1)
    nodes["value"][2 * inner] = inner
    nodes["left"][2 * inner], nodes["right"][2 * inner] = 2 * inner + 1, 2 * inner + 2
    nodes["value"][nodes["input"] == LEAF] = np.arange(leaves) / 1024
    model = Trees(0.0, "log_odds", nodes, (0,))
    matrix = np.arange(leaves, dtype=np.float64)[:, None]
    assert model.score_many(matrix).tolist() == (np.arange(leaves) / 1024).tolist()
    assert_scores_as_walked(model, matrix)


def test_a_null_goes_where_its_node_says() -> None:
    model = Trees(0.0, "log_odds", np.array(SMALL, NODE), LEVELS)
    assert model.score_one([math.nan, math.nan]) == -0.5
    assert model.score_one([math.nan, 2.0]) == 0.0
    assert model.score_one([0.5, math.nan]) == -0.75


def test_trees_of_one_leaf_each_score_their_sum() -> None:
    nodes = np.array([(0, LEAF, 0.25, 0, 0, False), (1, LEAF, 0.5, 0, 0, False)], NODE)
    assert_scores_as_walked(
        Trees(1.0, "log_odds", nodes, LEVELS), np.array([[1.0, 2.0], [math.nan, math.nan]])
    )


def test_sums_do_not_depend_on_the_order_of_the_trees() -> None:
    rng = np.random.default_rng(0)
    grown = [random_tree(rng, LEVELS, 9) for _ in range(100)]
    turned = [grown[place].copy() for place in rng.permutation(100)]
    for trees in (grown, turned):
        for tree, nodes in enumerate(trees):
            nodes["tree"] = tree
    models = [Trees(0.5, "log_odds", np.concatenate(trees), LEVELS) for trees in (grown, turned)]
    matrix = random_matrix(rng, LEVELS, 50)
    assert models[0].score_many(matrix).tobytes() == models[1].score_many(matrix).tobytes()


def test_a_probability_outside_zero_and_one_has_finite_log_odds() -> None:
    nodes = np.array([(0, LEAF, 2.0, 0, 0, False)], NODE)
    assert Trees(0.0, "probability", nodes, LEVELS).score_one([0.0, 0.0]) == log_odds(1.0)


def test_files_read_back_give_the_same_files_and_scores() -> None:
    rng = np.random.default_rng(0)
    model, matrix = random_trees(rng, LEVELS, trees=5, leaves=9), random_matrix(rng, LEVELS, 50)
    again = predictor_from_files(model.to_files(), LEVELS)
    assert again.to_files() == model.to_files()
    assert again.score_many(matrix).tobytes() == model.score_many(matrix).tobytes()


def read(nodes: npt.NDArray[Any], body: str = '{"kind": "trees", "bias": 0, "link": "log_odds"}') -> Trees:
    predictor = predictor_from_files({"predictor.json": body.encode(), "nodes.npy": to_npy(nodes)}, LEVELS)
    assert isinstance(predictor, Trees)
    return predictor


def spoilt(node: int, field: str, value: float) -> npt.NDArray[Any]:
    nodes = np.array(SMALL, NODE)
    nodes[field][node] = value
    return nodes


def test_the_nodes_before_they_are_spoilt_are_accepted() -> None:
    assert read(np.array(SMALL, NODE)).score_one([1.0, 2.0]) == 0.0


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (spoilt(2, "right", 0), "trees: a right child does not come after its parent within the tree"),
        (spoilt(2, "right", 2), "trees: a right child does not come after its parent within the tree"),
        (spoilt(2, "left", 5), "trees: a left child does not come after its parent within the tree"),
        (spoilt(2, "left", -1), "trees: a left child does not come after its parent within the tree"),
        (
            spoilt(0, "right", 2**31 - 1),
            "trees: a right child does not come after its parent within the tree",
        ),
        (spoilt(2, "left", 4), "trees: every node but a root must be the child of exactly one node"),
        (spoilt(0, "left", 2), "trees: every node but a root must be the child of exactly one node"),
        (spoilt(2, "input", LEAF), "trees: every node but a root must be the child of exactly one node"),
        (spoilt(1, "input", 0), "trees: a left child does not come after its parent within the tree"),
        (spoilt(2, "input", 2), "trees: an input is not within 0 to 1"),
        (spoilt(1, "input", -2), "trees: an input is not within 0 to 1"),
        (spoilt(0, "value", math.nan), "trees: a value is not finite"),
        (spoilt(1, "value", math.inf), "trees: a value is not finite"),
        (spoilt(1, "value", 0.1), "trees: a value is not a finite multiple of 2**-40"),
        (spoilt(1, "value", 4096.0), "trees: values could add up to 4097.0, beyond 4096.0"),
        (spoilt(5, "tree", 2), "trees: nodes do not stand tree by tree"),
        (spoilt(3, "tree", 1), "trees: nodes do not stand tree by tree"),
        (spoilt(0, "tree", 1), "trees: nodes do not stand tree by tree"),
        (np.array(SMALL, NODE)[1:], "trees: a right child does not come after its parent within the tree"),
        (np.array([], NODE), "trees: nodes do not stand tree by tree"),
        (np.array([SMALL], NODE), "nodes.npy: expected"),
        (np.zeros(3), "nodes.npy: expected"),
        (np.array(SMALL, NODE.newbyteorder(">")), "nodes.npy: expected"),
        (np.array(SMALL, [(name, "<f8") for name in NODE.names or ()]), "nodes.npy: expected"),
    ],
)
def test_refuses_malformed_nodes(nodes: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        read(nodes)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '{"kind": "trees", "bias": 0, "link": "identity"}',
            "trees: link 'identity' is not one of: log_odds, probab",
        ),
        (
            '{"kind": "trees", "bias": 0, "link": ["log_odds"]}',
            "trees: link ['log_odds'] is not one of: log_odds",
        ),
        ('{"kind": "trees", "bias": null, "link": "log_odds"}', "bias: None is not a finite number"),
        (
            '{"kind": "trees", "bias": 5000, "link": "log_odds"}',
            "trees: values could add up to 5002.0, beyond 4096.0",
        ),
        ('{"kind": "trees", "link": "log_odds"}', "trees: expected exactly ['bias', 'kind', 'link']"),
    ],
)
def test_refuses_a_malformed_description(body: str, message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        read(np.array(SMALL, NODE), body)
    assert str(refusal.value).startswith(message)
