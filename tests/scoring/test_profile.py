from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from service.scoring.contract import Contract
from service.scoring.errors import BundleInvalid, canonical_json
from service.scoring.profile import SCORE_BORDERS, Profile, level_counts, make_profile
from tests.scoring.ensembles import random_matrix


@pytest.fixture(scope="module")
def profile(contract: Contract) -> Profile:
    rng = np.random.default_rng(0)
    return make_profile(contract, random_matrix(rng, level_counts(contract), 500), rng.random(500), 0.3)


def test_levels_are_counted_for_categories_alone(contract: Contract) -> None:
    assert level_counts(contract) == (0, 0, 0, 3, 3, 3, 0, 0, 0, 0, 0, 0)


def test_every_row_is_counted_once_for_every_input(contract: Contract, profile: Profile) -> None:
    assert profile.rows == 500
    assert list(profile.inputs) == list(contract.inputs)
    for item in (*profile.inputs.values(), profile.probability):
        assert sum(item.counts) + item.nulls == 500


def test_a_category_is_counted_by_level_and_a_number_by_bin(profile: Profile) -> None:
    assert profile.inputs["purpose"].borders == ()
    assert len(profile.inputs["purpose"].counts) == 3
    age = profile.inputs["age"]
    assert len(age.counts) == len(age.borders) + 1
    assert list(age.borders) == sorted(set(age.borders))


def test_probabilities_are_counted_in_twentieths(profile: Profile) -> None:
    assert profile.probability.borders == SCORE_BORDERS
    assert len(profile.probability.counts) == 20


def test_a_probability_equal_to_a_border_counts_above_it(contract: Contract) -> None:
    profile = make_profile(contract, matrix_of(contract, [20, 30], [0, 0]), np.array([0.05, 0.95]), 0.3)
    assert [place for place, count in enumerate(profile.probability.counts) if count] == [1, 19]


def matrix_of(
    contract: Contract, age: list[float], purpose: list[float]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    matrix = np.full((len(age), len(contract.inputs)), math.nan)
    matrix[:, 0], matrix[:, 3] = age, purpose
    return matrix


def test_the_typical_record_is_that_of_the_approved(contract: Contract) -> None:
    matrix = matrix_of(contract, [20, 30, 40, 90, 91], [0, 2, 2, 1, 1])
    profile = make_profile(contract, matrix, np.array([0.1, 0.1, 0.2, 0.9, 0.9]), 0.3)
    assert (profile.typical["age"], profile.typical["purpose"]) == (30.0, 2.0)


def test_with_nothing_approved_the_typical_record_is_that_of_all(contract: Contract) -> None:
    profile = make_profile(contract, matrix_of(contract, [20, 30, 40], [1, 1, 0]), np.array([0.9] * 3), 0.3)
    assert (profile.typical["age"], profile.typical["purpose"]) == (30.0, 1.0)


def test_an_input_that_is_mostly_null_is_typically_null(contract: Contract) -> None:
    profile = make_profile(
        contract, matrix_of(contract, [20, math.nan, math.nan], [1, 1, 1]), np.zeros(3), 0.3
    )
    assert profile.typical["age"] is None
    assert math.isnan(profile.reference()[0])


def test_the_reference_is_a_row_of_inputs(contract: Contract, profile: Profile) -> None:
    again = Profile.from_json(json.loads(canonical_json(profile.to_json())), contract)
    assert len(profile.reference()) == len(contract.inputs)
    assert repr(again.reference()) == repr(profile.reference())


def test_a_profile_read_back_is_the_same(contract: Contract, profile: Profile) -> None:
    assert Profile.from_json(json.loads(canonical_json(profile.to_json())), contract) == profile


def test_an_input_of_nulls_alone_has_no_borders(contract: Contract) -> None:
    profile = make_profile(contract, matrix_of(contract, [math.nan] * 3, [1] * 3), np.zeros(3), 0.3)
    assert (profile.inputs["age"].borders, profile.inputs["age"].counts, profile.inputs["age"].nulls) == (
        (),
        (0,),
        3,
    )


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["rows"], "500", "profile rows: '500' is not a finite number"),
        (["rows"], None, "profile rows: None is not a finite number"),
        (["typical"], {}, "profile typical record: expected exactly"),
        (["inputs"], [], "profile inputs: expected exactly"),
        (["typical", "age"], "x", "typical age: 'x' is not a finite number"),
        (["typical", "purpose"], 3, "profile: typical purpose=3 is no level of it"),
        (["typical", "purpose"], 0.5, "profile: typical purpose=0.5 is no level of it"),
        (["inputs", "age"], None, "profile of age: expected exactly ['borders', 'counts', 'nulls']"),
        (["inputs", "age", "borders"], 3, "profile of age: borders and counts must be lists"),
        (["inputs", "age", "borders"], ["a"], "border of age: 'a' is not a finite number"),
        (["inputs", "age", "counts"], {}, "profile of age: borders and counts must be lists"),
        (["inputs", "age", "counts"], [1, 2], "profile of age: expected 20 counts, found 2"),
        (["inputs", "purpose", "counts"], [1, 2], "profile of purpose: expected 3 counts, found 2"),
        (["probability", "nulls"], [], "nulls of probability: [] is not a finite number"),
    ],
)
def test_refuses_a_malformed_profile(
    contract: Contract, profile: Profile, place: list[str], value: object, message: str
) -> None:
    body = json.loads(canonical_json(profile.to_json()))
    if message.endswith("20 counts, found 2"):
        message = message.replace("20", str(len(profile.inputs["age"].borders) + 1))
    inner = body
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(BundleInvalid) as refusal:
        Profile.from_json(body, contract)
    assert str(refusal.value).startswith(message)
