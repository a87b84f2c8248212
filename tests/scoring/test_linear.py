from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.errors import BundleInvalid, canonical_json, parse_json
from service.scoring.predictors import predictor_from_files
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from tests.scoring.agreement import bits
from tests.scoring.ensembles import random_linear, random_matrix
from tests.scoring.strategies import USUAL

LEVELS = (0, 3)
NUMBER = {"weight": 2.0, "center": 1.0, "low": -1.0, "high": 4.0, "if_null": 0.25}
LEVEL = {"weights": [0.1, 0.2, 0.3], "if_null": -0.5}
BODY = {"kind": "linear", "intercept": 0.5, "terms": [NUMBER, LEVEL]}


@USUAL
@given(seed=st.integers(0, 2**32), levels=st.lists(st.sampled_from([0, 0, 2, 5]), min_size=1, max_size=8))
def test_one_record_scores_the_bits_of_many(seed: int, levels: list[int]) -> None:
    rng = np.random.default_rng(seed)
    predictor, matrix = random_linear(rng, levels), random_matrix(rng, levels, 40)
    assert predictor.score_many(matrix).tobytes() == b"".join(
        bits(predictor.score_one(row)) for row in matrix.tolist()
    )


def test_a_number_counts_by_its_distance_from_the_center_within_its_limits() -> None:
    predictor = LinearPredictor(0.5, [NumberTerm(2.0, 1.0, -1.0, 4.0, 0.25)])
    assert [predictor.score_one([x]) for x in (3.0, 100.0, -100.0, math.nan)] == [4.5, 6.5, -3.5, 0.75]


def test_a_level_counts_by_its_weight() -> None:
    predictor = LinearPredictor(0.0, [LevelTerm((0.1, 0.2, 0.3), -0.5)])
    assert [predictor.score_one([x]) for x in (0.0, 1.0, 2.0, math.nan)] == [0.1, 0.2, 0.3, -0.5]


def test_an_infinite_input_is_clipped_alike_for_one_and_many() -> None:
    predictor = LinearPredictor(0.5, [NumberTerm(2.0, 1.0, -1.0, 4.0, 0.25)])
    rows = [[math.inf], [-math.inf]]
    assert (
        predictor.score_many(np.array(rows)).tolist()
        == [predictor.score_one(row) for row in rows]
        == [6.5, -3.5]
    )


def test_contributions_and_intercept_add_up_to_the_score() -> None:
    rng = np.random.default_rng(0)
    predictor = random_linear(rng, LEVELS)
    for row in random_matrix(rng, LEVELS, 50).tolist():
        total = predictor.intercept + sum(predictor.contributions_one(row))
        assert total == pytest.approx(predictor.score_one(row), abs=1e-12)


def test_files_read_back_give_the_same_files_and_scores() -> None:
    predictor = random_linear(np.random.default_rng(1), LEVELS)
    again = predictor_from_files(predictor.to_files(), LEVELS)
    assert again.to_files() == predictor.to_files()
    assert again.score_one([1.5, 2.0]) == predictor.score_one([1.5, 2.0])


def test_a_table_of_no_rows_has_no_scores() -> None:
    assert random_linear(np.random.default_rng(1), LEVELS).score_many(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intercept": "0"}, "intercept: '0' is not a finite number"),
        ({"intercept": True}, "intercept: True is not a finite number"),
        ({"terms": [NUMBER]}, "linear predictor: expected 2 terms"),
        ({"terms": {}}, "linear predictor: expected 2 terms"),
        ({"terms": [LEVEL, NUMBER]}, "number term: expected exactly"),
        ({"terms": [NUMBER, NUMBER]}, "level term: expected exactly"),
        ({"terms": [NUMBER, None]}, "level term: expected exactly ['if_null', 'weights'], found NoneType"),
        (
            {"terms": [NUMBER, LEVEL | {"weights": [1, 2]}]},
            "linear predictor: expected 3 weights, one per level",
        ),
        ({"terms": [NUMBER, LEVEL | {"weights": [1, 2, None]}]}, "weight: None is not a finite number"),
        ({"terms": [NUMBER | {"low": 5}, LEVEL]}, "linear predictor: low=5.0 is above high=4.0"),
        ({"terms": [NUMBER | {"weight": 10**400}, LEVEL]}, "weight: 1000"),
        ({"code": "import os"}, "linear predictor: expected exactly"),
    ],
)
def test_refuses_malformed_weights(change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        predictor_from_files({"predictor.json": canonical_json(BODY | change)}, LEVELS)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_refuses_weights_that_are_no_numbers(constant: bytes) -> None:
    content = canonical_json(BODY).replace(b"0.25", constant)
    with pytest.raises(BundleInvalid) as refusal:
        predictor_from_files({"predictor.json": content}, LEVELS)
    assert str(refusal.value) == f"predictor.json is not valid JSON: {constant.decode()} is not allowed"


@pytest.mark.parametrize("kind", ["pickle", None, ["linear"], 1])
def test_refuses_a_kind_it_does_not_know(kind: object) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        predictor_from_files({"predictor.json": canonical_json({"kind": kind})}, LEVELS)
    expected = f"predictor.json: kind {kind!r} is not one of: linear, network, symmetric_trees, trees"
    assert str(refusal.value) == expected


def test_json_of_a_predictor_is_canonical() -> None:
    content = random_linear(np.random.default_rng(1), LEVELS).to_files()["predictor.json"]
    assert canonical_json(parse_json(content, "predictor.json")) == content
