from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.contributions import Explainer
from service.scoring.predictors.network import Network
from service.scoring.predictors.sampled import MOST_EXACT, OfAny
from tests.scoring.ensembles import random_linear, random_matrix
from tests.scoring.networks import random_network
from tests.scoring.strategies import USUAL

SEEDS = st.integers(0, 2**32)


def over_all_permutations(network: Network, row: list[float], reference: list[float]) -> FloatArray:
    """Return the mean change that each input makes when it joins, over every order of joining."""
    values, orders = np.zeros(len(row)), list(permutations(range(len(row))))
    for order in orders:
        now = list(reference)
        for joined in order:
            before = network.score_one(now)
            now[joined] = row[joined]
            values[joined] += network.score_one(now) - before
    return values / len(orders)


@USUAL
@given(seed=SEEDS, levels=st.lists(st.sampled_from([0, 0, 3]), min_size=1, max_size=5))
def test_few_inputs_give_the_mean_over_all_permutations(seed: int, levels: list[int]) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    expected = over_all_permutations(network, row, reference)
    assert Explainer(network, reference).contributions(row) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("inputs", [MOST_EXACT, MOST_EXACT + 1, 30])
def test_they_add_up_to_the_difference_of_scores_however_many_inputs_differ(inputs: int) -> None:
    rng = np.random.default_rng(inputs)
    levels = ((0, 3) * inputs)[:inputs]
    network = random_network(rng, levels)
    reference, *rows = random_matrix(rng, levels, 20).tolist()
    explainer = Explainer(network, reference)
    for row in rows:
        change = network.score_one(row) - network.score_one(reference)
        assert explainer.contributions(row).sum() == pytest.approx(change, abs=1e-9)


def test_sampling_comes_close_to_the_exact_values() -> None:
    rng = np.random.default_rng(7)
    levels = (0, 3) * 6
    network = random_network(rng, levels)
    reference, *rows = random_matrix(rng, levels, 15).tolist()
    exact, sampled = OfAny(network, reference, most_exact=12), OfAny(network, reference)
    errors = np.array([sampled(row) - exact(row) for row in rows])
    values = np.array([exact(row) for row in rows])
    assert np.sqrt((errors**2).mean()) < 0.05 * np.sqrt((values**2).mean())
    assert (errors != 0).any()


def test_an_estimate_is_within_its_stated_error_as_often_as_a_standard_error_promises() -> None:
    deviations: list[float] = []
    for seed in range(6):
        rng, levels = np.random.default_rng(seed), (0, 3) * 6
        network = random_network(rng, levels)
        reference, *rows = random_matrix(rng, levels, 9).tolist()
        exact, sampled = OfAny(network, reference, most_exact=12), OfAny(network, reference)
        for row in rows:
            errors = sampled.with_errors(row)[1]
            known = errors > 0
            deviations += ((sampled(row) - exact(row))[known] / errors[known]).tolist()
    assert len(deviations) > 200
    assert np.mean(np.abs(deviations) < 2) > 0.9
    assert 0.75 < np.sqrt(np.mean(np.square(deviations))) < 1.25


def test_what_is_exact_has_no_error() -> None:
    rng, levels = np.random.default_rng(7), (0, 3) * 6
    network = random_network(rng, levels)
    reference, row = random_matrix(rng, levels, 2).tolist()
    assert not OfAny(network, reference, most_exact=12).with_errors(row)[1].any()
    assert not OfAny(network, reference).with_errors(reference)[1].any()
    few = [*row[:5], *reference[5:]]
    assert not OfAny(network, reference).with_errors(few)[1].any()


def test_a_permutation_and_its_reverse_are_exact_where_inputs_act_in_pairs() -> None:
    """With interactions of two inputs at most, either order of the two is in each pair of permutations."""

    class Products:
        def score_many(self, matrix: FloatArray) -> FloatArray:
            sums: FloatArray = (matrix[:, 0::2] * matrix[:, 1::2]).sum(axis=1)
            return sums

    row, reference = np.arange(1.0, 13.0).tolist(), [0.5] * 12
    one_pair = OfAny(Products(), reference, most_exact=0, pairs=1)(row)
    assert one_pair == pytest.approx(OfAny(Products(), reference, most_exact=12)(row), abs=1e-9)


def test_a_sum_is_explained_exactly_by_any_permutation() -> None:
    rng = np.random.default_rng(8)
    levels = (0, 3) * 10
    predictor = random_linear(rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    expected = Explainer(predictor, reference).contributions(row)
    assert OfAny(predictor, reference)(row) == pytest.approx(expected, abs=1e-9)


def test_an_input_that_equals_the_reference_contributes_nothing_also_where_both_are_null() -> None:
    rng = np.random.default_rng(9)
    levels = (0, 3) * 10
    network = random_network(rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    same = [0, 1, 5, 12]
    for i in same:
        row[i] = reference[i] = math.nan if i < 3 else reference[i]
    contributions = Explainer(network, reference).contributions(row)
    assert contributions[same].tolist() == [0.0] * 4
    assert np.count_nonzero(contributions) > MOST_EXACT
    assert Explainer(network, reference).contributions(reference).tolist() == [0.0] * 20


def test_the_same_record_always_gets_the_same_explanation() -> None:
    rng = np.random.default_rng(10)
    levels = (0, 3) * 10
    network = random_network(rng, levels)
    reference, row, other = random_matrix(rng, levels, 3).tolist()
    explainer = Explainer(network, reference)
    first = explainer.contributions(row)
    explainer.contributions(other)
    assert explainer.contributions(row).tobytes() == first.tobytes()
    assert Explainer(network, reference).contributions(row).tobytes() == first.tobytes()
