from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.calibration import Beta, Calibrator, Isotonic
from service.scoring.predictors.contributions import Explainer
from service.scoring.predictors.trees import LEAF, NODE, Trees
from tests.scoring.ensembles import random_linear, random_matrix, random_symmetric_trees, random_trees
from tests.scoring.networks import random_network
from tests.scoring.strategies import USUAL

KINDS: dict[str, Callable[..., Any]] = {
    "linear": random_linear,
    "symmetric_trees": lambda rng, levels: random_symmetric_trees(rng, levels, trees=6, depth=4),
    "trees": lambda rng, levels: random_trees(rng, levels, trees=6, leaves=9),
    "trees of several words": lambda rng, levels: random_trees(rng, levels, trees=2, leaves=150),
    "network": random_network,
}
LEVELS = st.lists(st.sampled_from([0, 0, 3]), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**32)
FEW = settings(USUAL, max_examples=15)


def shapley(
    score: Callable[[Sequence[float]], float], row: Sequence[float], reference: Sequence[float]
) -> list[float]:
    """Return the Shapley values by their definition: what each input adds to every set of the others."""
    players = range(len(row))

    def value(chosen: Sequence[int]) -> float:
        return score([row[i] if i in chosen else reference[i] for i in players])

    values = []
    for player in players:
        others = [i for i in players if i != player]
        total = 0.0
        for size in range(len(row)):
            weight = math.factorial(size) * math.factorial(len(row) - size - 1) / math.factorial(len(row))
            total += weight * sum(
                value([*chosen, player]) - value(chosen) for chosen in combinations(others, size)
            )
        values.append(total)
    return values


@pytest.mark.parametrize("kind", KINDS)
@USUAL
@given(seed=SEEDS, levels=LEVELS)
def test_contributions_are_the_shapley_values(kind: str, seed: int, levels: list[int]) -> None:
    rng = np.random.default_rng(seed)
    predictor = KINDS[kind](rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    by_definition = shapley(predictor.score_one, row, reference)
    assert Explainer(predictor, reference).contributions(row) == pytest.approx(by_definition, abs=1e-9)


LINES = {
    "none": Calibrator(offset=-0.75),
    "temperature": Calibrator("temperature", 0.625, offset=0.25),
    "platt": Calibrator("platt", 1.75, -0.5),
}
CURVES = {
    "beta": Calibrator("beta", offset=0.5, curve=Beta(0.5, 1.5, -0.25)),
    "isotonic": Calibrator(
        "isotonic", offset=-0.5, curve=Isotonic((-3.0, -0.5, 0.25, 2.0), (-4.0, -1.0, -1.0, 3.0))
    ),
}


@pytest.mark.parametrize("calibrator", LINES)
@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS, levels=LEVELS)
def test_with_a_line_they_are_the_shapley_values_of_the_calibrated_log_odds(
    kind: str, calibrator: str, seed: int, levels: list[int]
) -> None:
    rng, line = np.random.default_rng(seed), LINES[calibrator]
    predictor = KINDS[kind](rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    by_definition = shapley(lambda x: line.log_odds(predictor.score_one(x)), row, reference)
    raw = Explainer(predictor, reference).contributions(row)
    told = line.explained(raw, predictor.score_one(row), predictor.score_one(reference))
    assert told == pytest.approx(by_definition, abs=1e-9)


@pytest.mark.parametrize("calibrator", CURVES)
@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS, levels=LEVELS)
def test_with_a_curve_they_keep_their_shares_and_add_up_to_the_calibrated_difference(
    kind: str, calibrator: str, seed: int, levels: list[int]
) -> None:
    rng, curve = np.random.default_rng(seed), CURVES[calibrator]
    predictor = KINDS[kind](rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    raw, typical = predictor.score_one(row), predictor.score_one(reference)
    by_definition = np.array(shapley(predictor.score_one, row, reference))
    told = curve.explained(Explainer(predictor, reference).contributions(row), raw, typical)
    change = curve.log_odds(raw) - curve.log_odds(typical)
    assert told.sum() == pytest.approx(change, abs=1e-9)
    if abs(raw - typical) > 1e-6:
        assert told == pytest.approx(by_definition * (change / (raw - typical)), abs=1e-9)
        assert (told * by_definition >= -1e-15).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_sampled_has_no_error_and_says_that_it_is_exact(kind: str) -> None:
    rng, levels = np.random.default_rng(12), (0, 3) * 6
    predictor = KINDS[kind](rng, levels)
    reference, row = random_matrix(rng, levels, 2).tolist()
    explainer = Explainer(predictor, reference)
    assert explainer.rule == ("sampled" if kind == "network" else "exact")
    assert explainer.with_errors(row)[1].any() == (kind == "network")


@USUAL
@given(seed=SEEDS, levels=LEVELS)
def test_with_a_sum_of_probabilities_they_are_shares_of_the_difference(seed: int, levels: list[int]) -> None:
    rng = np.random.default_rng(seed)
    predictor = random_trees(rng, levels, trees=6, leaves=9, link="probability")
    row, reference = random_matrix(rng, levels, 2).tolist()
    sums = Trees(predictor.bias, "log_odds", predictor.nodes, levels)
    change = predictor.score_one(row) - predictor.score_one(reference)
    difference = sums.score_one(row) - sums.score_one(reference)
    explainer = Explainer(predictor, reference)
    contributions = explainer.contributions(row)
    assert explainer.rule == "shares"
    assert contributions.sum() == pytest.approx(change, abs=1e-9)
    if abs(difference) > 1e-6:
        shares = [value / difference * change for value in shapley(sums.score_one, row, reference)]
        assert contributions == pytest.approx(shares, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_to_the_difference_of_scores(kind: str) -> None:
    rng = np.random.default_rng(5)
    levels = (0, 3) * 20
    predictor = KINDS[kind](rng, levels)
    reference, *rows = random_matrix(rng, levels, 50).tolist()
    explainer = Explainer(predictor, reference)
    for row in rows:
        change = predictor.score_one(row) - predictor.score_one(reference)
        assert explainer.contributions(row).sum() == pytest.approx(change, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@USUAL
@given(seed=SEEDS, levels=LEVELS, same=st.sets(st.integers(0, 5)))
def test_an_input_that_equals_the_reference_contributes_nothing(
    kind: str, seed: int, levels: list[int], same: set[int]
) -> None:
    rng = np.random.default_rng(seed)
    predictor = KINDS[kind](rng, levels)
    row, reference = random_matrix(rng, levels, 2).tolist()
    row = [reference[i] if i in same else x for i, x in enumerate(row)]
    contributions = Explainer(predictor, reference).contributions(row)
    assert all(contributions[i] == 0 for i in same if i < len(levels))


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_itself_has_no_contributions(kind: str) -> None:
    rng = np.random.default_rng(6)
    predictor = KINDS[kind](rng, (0, 3, 0))
    for reference in random_matrix(rng, (0, 3, 0), 20).tolist():
        assert Explainer(predictor, reference).contributions(reference).tolist() == [0.0, 0.0, 0.0]


def test_an_input_that_no_tree_asks_about_contributes_nothing() -> None:
    nodes = np.array(
        [(0, 1, 0.5, 1, 2, False), (0, LEAF, 0.0, 0, 0, False), (0, LEAF, 1.0, 0, 0, False)], NODE
    )
    predictor = Trees(0.0, "log_odds", nodes, (0, 0, 0))
    assert Explainer(predictor, [0.0, 0.0, 0.0]).contributions([1.0, 1.0, 1.0]).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("link", ["log_odds", "probability"])
def test_trees_of_one_leaf_each_have_nothing_to_explain(link: Any) -> None:
    predictor = Trees(0.0, link, np.array([(0, LEAF, 0.25, 0, 0, False)], NODE), (0, 3))
    assert Explainer(predictor, [0.0, 0.0]).contributions([1.0, 2.0]).tolist() == [0.0, 0.0]
