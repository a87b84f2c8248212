from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.errors import BundleInvalid, canonical_json, parse_json
from service.scoring.predictors import predictor_from_files
from service.scoring.predictors.arrays import to_npy
from service.scoring.predictors.design import Design, Scale
from service.scoring.predictors.network import LARGEST, ROWS_AT_A_TIME, Layer, Network
from tests.scoring.agreement import bits
from tests.scoring.ensembles import random_matrix
from tests.scoring.networks import random_network
from tests.scoring.strategies import USUAL

LEVELS = (0, 3)
SCALE = {"center": 1.0, "spread": 2.0, "low": -1.0, "high": 5.0}
BODY = {"kind": "network", "scales": [SCALE, None], "widths": [2, 1]}
# The design has 2 columns of the number and 4 of the category.
WEIGHTS = np.arange(2 * 7 + 3, dtype=np.float64)


@USUAL
@given(
    seed=st.integers(0, 2**32),
    levels=st.lists(st.sampled_from([0, 0, 2, 5]), min_size=1, max_size=8),
    widths=st.sampled_from([(1,), (3, 1), (8, 5, 1), (1, 1, 1, 1)]),
    rows=st.sampled_from([1, 2, 7, 40]),
)
def test_one_record_scores_the_bits_of_many(
    seed: int, levels: list[int], widths: tuple[int, ...], rows: int
) -> None:
    rng = np.random.default_rng(seed)
    network, matrix = random_network(rng, levels, widths), random_matrix(rng, levels, rows)
    assert network.score_many(matrix).tobytes() == b"".join(
        bits(network.score_one(row)) for row in matrix.tolist()
    )


def test_bits_do_not_depend_on_how_many_are_scored_together() -> None:
    rng = np.random.default_rng(3)
    levels = (0, 4) * 12
    network, matrix = random_network(rng, levels, (32, 16, 1)), random_matrix(rng, levels, 1_300)
    whole = network.score_many(matrix)
    for size in (1, 3, 64, ROWS_AT_A_TIME - 1, ROWS_AT_A_TIME, ROWS_AT_A_TIME + 1):
        parts = [network.score_many(matrix[start : start + size]) for start in range(0, len(matrix), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes(), f"batches of {size}"
    assert np.array([network.score_one(row) for row in matrix.tolist()]).tobytes() == whole.tobytes()


def test_zeros_of_either_sign_give_the_same_bits() -> None:
    design = Design([Scale(0.0, 1.0, -1.0, 1.0)], (0,))
    network = Network(design, [Layer(np.array([[1.0], [1.0]]), np.array([-0.0]))])
    for x in (0.0, -0.0):
        assert bits(network.score_one([x])) == network.score_many(np.array([[x]])).tobytes() == bits(0.0)


def test_it_is_the_network_that_the_textbook_describes() -> None:
    rng = np.random.default_rng(4)
    levels = (0, 3, 0)
    network, matrix = random_network(rng, levels), random_matrix(rng, levels, 60)
    x = network.design.of_many(matrix)
    for layer in network.layers[:-1]:
        x = np.maximum(x @ layer.weights + layer.bias, 0.0)
    expected = (x @ network.layers[-1].weights + network.layers[-1].bias)[:, 0]
    assert network.score_many(matrix) == pytest.approx(expected, abs=1e-12)


def test_numbers_are_standardised_within_their_limits_and_levels_and_nulls_indicated() -> None:
    design = Design([Scale(1.0, 2.0, -1.0, 5.0), None], LEVELS)
    rows = [[3.0, 0.0], [100.0, 2.0], [-math.inf, 1.0], [math.nan, math.nan]]
    expected = [[1, 0, 1, 0, 0, 0], [2, 0, 0, 0, 1, 0], [-1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 1]]
    assert [design.of_one(row) for row in rows] == expected
    assert design.of_many(np.array(rows)).tolist() == expected


def test_files_read_back_give_the_same_files_and_scores() -> None:
    rng = np.random.default_rng(1)
    network, matrix = random_network(rng, LEVELS), random_matrix(rng, LEVELS, 50)
    again = predictor_from_files(network.to_files(), LEVELS)
    assert again.to_files() == network.to_files()
    assert again.score_many(matrix).tobytes() == network.score_many(matrix).tobytes()


def test_a_table_of_no_rows_has_no_scores() -> None:
    assert random_network(np.random.default_rng(1), LEVELS).score_many(np.empty((0, 2))).shape == (0,)


def test_its_json_is_canonical() -> None:
    content = random_network(np.random.default_rng(1), LEVELS).to_files()["predictor.json"]
    assert canonical_json(parse_json(content, "predictor.json")) == content


def read(body: Any, weights: Any = WEIGHTS) -> object:
    files = {"predictor.json": canonical_json(body), "weights.npy": to_npy(weights)}
    return predictor_from_files(files, LEVELS)


def test_reads_what_the_refusals_below_start_from() -> None:
    assert isinstance(read(BODY), Network)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scales": [SCALE]}, "network: expected 2 scales, one per input"),
        ({"scales": {}}, "network: expected 2 scales, one per input"),
        ({"scales": [SCALE, SCALE]}, "network: an input with levels has a scale"),
        ({"scales": [None, None]}, "network scale: expected exactly"),
        ({"scales": [SCALE | {"center": "1"}, None]}, "scale's center: '1' is not a finite number"),
        ({"scales": [SCALE | {"spread": 0.0}, None]}, "network: Scale(center=1.0, spread=0.0"),
        ({"scales": [SCALE | {"spread": -1.0}, None]}, "network: Scale(center=1.0, spread=-1.0"),
        ({"scales": [SCALE | {"low": 6.0}, None]}, "network: Scale(center=1.0, spread=2.0, low=6.0"),
        ({"scales": [SCALE | {"high": 1e300}, None]}, "network: Scale("),
        ({"scales": [SCALE | {"spread": 1e-300}, None]}, "network: Scale("),
        ({"widths": []}, "network: widths [] are not 1 to 4 whole numbers"),
        ({"widths": 1}, "network: widths 1 are not"),
        ({"widths": [2, 2]}, "network: widths [2, 2] are not"),
        ({"widths": [2, True]}, "network: widths [2, True] are not"),
        ({"widths": [2.0, 1]}, "network: widths [2.0, 1] are not"),
        ({"widths": [0, 1]}, "network: widths [0, 1] are not"),
        ({"widths": [10**9, 1]}, "network: widths [1000000000, 1] are not"),
        ({"widths": [1] * 5}, "network: widths [1, 1, 1, 1, 1] are not"),
        ({"widths": [3, 1]}, "weights.npy: expected float64 (25,), found float64 (17,)"),
        ({"code": "import os"}, "network: expected exactly"),
    ],
)
def test_refuses_a_malformed_description(change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        read(BODY | change)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2 * LARGEST])
@pytest.mark.parametrize("place", range(len(WEIGHTS)))
def test_refuses_weights_that_are_not_finite_or_out_of_bounds(place: int, value: float) -> None:
    weights = WEIGHTS.copy()
    weights[place] = value
    with pytest.raises(BundleInvalid) as refusal:
        read(BODY, weights)
    assert str(refusal.value) == "network: a weight is not a finite number within 1048576 of 0"


@pytest.mark.parametrize(
    "weights", [WEIGHTS[:-1], np.append(WEIGHTS, 0.0), WEIGHTS[None, :], WEIGHTS.astype(np.float32)]
)
def test_refuses_weights_of_another_shape_or_type(weights: Any) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        read(BODY, weights)
    assert str(refusal.value).startswith("weights.npy: expected float64 (17,), found")


def test_refuses_a_network_without_its_weights() -> None:
    with pytest.raises(BundleInvalid) as refusal:
        predictor_from_files({"predictor.json": canonical_json(BODY)}, LEVELS)
    assert str(refusal.value) == "weights.npy is missing"
