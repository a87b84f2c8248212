from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.errors import BundleInvalid
from service.scoring.predictors import predictor_from_files
from service.scoring.predictors.arrays import to_npy
from service.scoring.predictors.symmetric_trees import UNUSED, SymmetricTrees
from tests.scoring.agreement import bits
from tests.scoring.ensembles import random_leaves, random_matrix, random_symmetric_trees
from tests.scoring.strategies import USUAL

LEVELS = (0, 3)


def walk(model: SymmetricTrees, row: list[float]) -> float:
    """Answer every question of every tree in turn."""
    total = model.bias
    for inputs, values, leaves in zip(model.inputs, model.values, model.leaves, strict=True):
        place = 0
        for question, (position, value) in enumerate(zip(inputs, values, strict=True)):
            x = math.nan if position == UNUSED else row[position]
            yes = x == value if position != UNUSED and model.levels[position] else x > value
            place += yes << question
        total += leaves[place]
    return float(total)


@USUAL
@given(
    seed=st.integers(0, 2**32),
    levels=st.lists(st.sampled_from([0, 0, 2, 5]), min_size=1, max_size=6),
    trees=st.integers(1, 20),
    depth=st.integers(1, 8),
)
def test_one_record_many_and_a_walk_give_the_same_bits(
    seed: int, levels: list[int], trees: int, depth: int
) -> None:
    rng = np.random.default_rng(seed)
    model = random_symmetric_trees(rng, levels, trees=trees, depth=depth)
    matrix = random_matrix(rng, levels, 30)
    walked = b"".join(bits(walk(model, row)) for row in matrix.tolist())
    assert b"".join(bits(model.score_one(row)) for row in matrix.tolist()) == walked
    assert model.score_many(matrix).tobytes() == walked


def test_a_number_equal_to_a_border_is_no_and_so_is_a_null() -> None:
    model = SymmetricTrees(0.0, np.array([[0]], np.int32), np.array([[2.0]]), np.array([[0.25, 0.5]]), (0,))
    assert [model.score_one([x]) for x in (2.0, 2.0000001, math.nan, math.inf)] == [0.25, 0.5, 0.25, 0.5]


def test_tables_longer_than_a_block_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    model, matrix = random_symmetric_trees(rng, LEVELS, trees=3, depth=3), random_matrix(rng, LEVELS, 70_000)
    picked = [0, 32_767, 32_768, 65_536, 69_999]
    assert model.score_many(matrix)[picked].tolist() == [
        model.score_one(matrix[row].tolist()) for row in picked
    ]


def test_sums_do_not_depend_on_the_order_of_the_trees() -> None:
    rng = np.random.default_rng(0)
    model, matrix = random_symmetric_trees(rng, LEVELS, trees=200, depth=4), random_matrix(rng, LEVELS, 50)
    order = rng.permutation(200)
    turned = SymmetricTrees(model.bias, model.inputs[order], model.values[order], model.leaves[order], LEVELS)
    assert turned.score_many(matrix).tobytes() == model.score_many(matrix).tobytes()


def test_files_read_back_give_the_same_files_and_scores() -> None:
    rng = np.random.default_rng(0)
    model, matrix = random_symmetric_trees(rng, LEVELS, trees=5, depth=3), random_matrix(rng, LEVELS, 50)
    again = predictor_from_files(model.to_files(), LEVELS)
    assert again.to_files() == model.to_files()
    assert again.score_many(matrix).tobytes() == model.score_many(matrix).tobytes()


@pytest.mark.parametrize("borders", [253, 254, 255, 700])
def test_inputs_with_more_borders_than_a_byte_holds_score_alike_one_by_one_and_in_bulk(borders: int) -> None:
    leaves = random_leaves(np.random.default_rng(0), (borders, 4))
    values = np.column_stack([np.arange(float(borders)), np.zeros(borders)])
    inputs = np.column_stack([np.zeros(borders, np.int32), np.tile([1, UNUSED], borders)[:borders]])
    model = SymmetricTrees(0.0, inputs.astype(np.int32), values, leaves, (0, 0))
    x = np.arange(-1, borders + 2, 0.5)
    matrix = np.column_stack([x, x % 2 - 0.5])
    assert model.score_many(matrix).tolist() == [model.score_one(row) for row in matrix.tolist()]


def test_an_input_may_have_65533_borders_and_no_more() -> None:
    inputs, values = np.zeros((65_534, 1), np.int32), np.arange(65_534.0)[:, None]
    with pytest.raises(BundleInvalid) as refusal:
        SymmetricTrees(0.0, inputs, values, np.zeros((65_534, 2)), (0,))
    assert str(refusal.value) == "symmetric trees: input 0 has 65534 borders, over 65533"


def arrays(**change: Any) -> dict[str, Any]:
    """Two trees of depth two over a number and a category, with something changed."""
    good = {
        "inputs": np.array([[0, 1], [1, UNUSED]], np.int32),
        "values": np.array([[0.5, 2.0], [0.0, 0.0]]),
        "leaves": np.array([[0.0, 0.25, 0.5, 1.0], [-1.0, 1.0, 0.0, 0.0]]),
    }
    return good | change


def read(parts: dict[str, Any]) -> SymmetricTrees:
    body = {"predictor.json": b'{"kind": "symmetric_trees", "bias": 0.0}'}
    predictor = predictor_from_files(
        body | {f"{name}.npy": to_npy(array) for name, array in parts.items()}, LEVELS
    )
    assert isinstance(predictor, SymmetricTrees)
    return predictor


def test_the_arrays_before_they_are_spoilt_are_accepted() -> None:
    assert read(arrays()).score_one([1.0, 2.0]) == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": np.array([[0, 2], [1, -1]], np.int32)}, "symmetric trees: an input is not within 0 to 1"),
        (
            {"inputs": np.array([[0, -2], [1, -1]], np.int32)},
            "symmetric trees: an input is not within 0 to 1",
        ),
        ({"inputs": np.array([[0, 1], [1, -1]], np.int64)}, "inputs.npy: expected int32"),
        ({"inputs": np.array([0, 1], np.int32)}, "inputs.npy: expected int32"),
        ({"inputs": np.array([[0, 1], [1, -1]], ">i4")}, "inputs.npy: expected int32"),
        (
            {"inputs": np.empty((2, 0), np.int32), "values": np.empty((2, 0))},
            "symmetric trees: (2, 4) leaves do not",
        ),
        (
            {"inputs": np.zeros((0, 2), np.int32), "values": np.zeros((0, 2)), "leaves": np.zeros((0, 4))},
            "symmetric",
        ),
        (
            {"inputs": np.zeros((2, 9), np.int32), "values": np.zeros((2, 9)), "leaves": np.zeros((2, 512))},
            "symmetric",
        ),
        ({"values": np.array([[math.nan, 2.0], [0.0, 0.0]])}, "symmetric trees: a value is not finite"),
        ({"values": np.array([[math.inf, 2.0], [0.0, 0.0]])}, "symmetric trees: a value is not finite"),
        (
            {"values": np.array([[0.5, 3.0], [0.0, 0.0]])},
            "symmetric trees: a question is about a level that its input does not have",
        ),
        (
            {"values": np.array([[0.5, -1.0], [0.0, 0.0]])},
            "symmetric trees: a question is about a level that its input does not have",
        ),
        (
            {"values": np.array([[0.5, 1.5], [0.0, 0.0]])},
            "symmetric trees: a question is about a level that its input does not have",
        ),
        (
            {"values": np.array([[0.5, 1e18], [0.0, 0.0]])},
            "symmetric trees: a question is about a level that its input does not have",
        ),
        ({"values": np.array([[0.5], [0.0]])}, "values.npy: expected float64"),
        ({"leaves": np.zeros((2, 3))}, "symmetric trees: (2, 3) leaves do not fit depth 2"),
        ({"leaves": np.zeros((3, 4))}, "leaves.npy: expected float64"),
        ({"leaves": np.full((2, 4), 0.1)}, "symmetric trees: a value is not a finite multiple of 2**-40"),
        (
            {"leaves": np.full((2, 4), math.nan)},
            "symmetric trees: a value is not a finite multiple of 2**-40",
        ),
        (
            {"leaves": np.full((2, 4), 2048.0)},
            "symmetric trees: values could add up to 4096.0, beyond 4096.0",
        ),
    ],
)
def test_refuses_malformed_arrays(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        read(arrays(**change))
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("name", ["inputs", "values", "leaves"])
def test_refuses_a_missing_array_by_name(name: str) -> None:
    parts = arrays()
    del parts[name]
    with pytest.raises(BundleInvalid) as refusal:
        read(parts)
    assert str(refusal.value) == f"{name}.npy is missing"
