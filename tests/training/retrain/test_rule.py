from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.policy import Costs, Policy
from training.retrain.rule import LEVEL, Differences, Moments, Side, both_differences, paired, verdict
from training.use_case import Objective

COSTS = Costs(false_approve=100, false_decline=10)
POLICY = Policy("p", 0.5, 0.5)
ROWS = 600


def sides(challenger_error: float, champion_error: float, seed: int = 0) -> tuple[np.ndarray, Side, Side]:
    stream = np.random.default_rng(seed)
    truth = stream.normal(-1, 1, ROWS)
    outcomes = (stream.random(ROWS) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    both = [
        1 / (1 + np.exp(-(truth + stream.normal(0, e, ROWS)))) for e in (challenger_error, champion_error)
    ]
    return outcomes, Side(both[0], POLICY), Side(both[1], POLICY)


def test_a_much_better_challenger_is_promoted() -> None:
    outcomes, ours, theirs = sides(0.1, 2.0)
    found = verdict(outcomes, ours, theirs, COSTS, Objective.LOG_LOSS, LEVEL)
    assert found.promotes
    assert found.tests["log_loss"].high < 0


def test_a_worse_challenger_is_not_promoted() -> None:
    outcomes, ours, theirs = sides(2.0, 0.1)
    found = verdict(outcomes, ours, theirs, COSTS, Objective.LOG_LOSS, LEVEL)
    assert not found.promotes
    assert found.tests["log_loss"].worse


def test_the_same_model_is_no_better_than_itself() -> None:
    outcomes, ours, _ = sides(0.1, 2.0)
    for objective in Objective:
        assert not verdict(outcomes, ours, ours, COSTS, objective, LEVEL).promotes


def test_a_challenger_that_is_better_on_one_objective_and_worse_on_the_other_is_not_promoted() -> None:
    outcomes, ours, theirs = sides(0.1, 0.6)
    # The same ranking, and so nearly the same decisions, by a policy that approves everybody.
    mild = Side(ours.probabilities, Policy("p", 1.0, 1.0))
    found = verdict(outcomes, mild, theirs, COSTS, Objective.LOG_LOSS, LEVEL)
    assert found.tests["log_loss"].better
    assert found.tests["cost"].worse
    assert not found.promotes


def test_a_rare_loss_that_chance_has_kept_away_is_no_gain() -> None:
    """The challenger approves 200 whom the champion declines; one bad among them would cost more than is saved."""
    outcomes = np.zeros(ROWS, np.int8)
    outcomes[-20:] = 1
    theirs = np.where(np.arange(ROWS) < 200, 0.6, 0.4)
    ours = np.full(ROWS, 0.4)
    rare = Costs(false_approve=3_000, false_decline=10)
    found = verdict(outcomes, Side(ours, POLICY), Side(theirs, POLICY), rare, Objective.COST, LEVEL)
    assert found.tests["cost"].difference == pytest.approx(-10 * 200 / ROWS)
    assert not found.promotes


def test_both_outcomes_of_a_changed_decision_are_known_beforehand() -> None:
    ours, theirs = Side(np.array([0.4, 0.9]), POLICY), Side(np.array([0.6, 0.9]), POLICY)
    cost = both_differences(ours, theirs, COSTS)[Objective.COST]
    assert cost.if_bad.tolist() == [100, 0]
    assert cost.if_good.tolist() == [-10, 0]
    # Half of the first are bad, and the second is the same for both models.
    assert cost.expected().mean == pytest.approx((0.5 * 100 - 0.5 * 10) / 2)


def test_moments_that_are_expected_are_those_of_many_draws() -> None:
    stream = np.random.default_rng(1)
    differences = Differences(stream.normal(2, 1, 50), stream.normal(-1, 1, 50), stream.uniform(0.1, 0.9, 50))
    bad = stream.random((40_000, 50)) < differences.probable
    drawn = np.where(bad, differences.if_bad, differences.if_good).ravel()
    expected, found = differences.expected(), Moments.of(drawn)
    assert (expected.mean, expected.second, expected.third) == pytest.approx(
        (found.mean, found.second, found.third), rel=0.02, abs=0.02
    )


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1.5))
def test_turning_the_two_models_round_turns_the_difference_round(seed: int, error: float) -> None:
    outcomes, ours, theirs = sides(error, 0.5, seed)
    forth = both_differences(ours, theirs, COSTS)[Objective.LOG_LOSS]
    back = both_differences(theirs, ours, COSTS)[Objective.LOG_LOSS]
    one, other = paired(forth, outcomes, LEVEL), paired(back, outcomes, LEVEL)
    assert one.difference == pytest.approx(-other.difference)
    assert not (one.better and other.better)


@given(st.floats(0.001, 0.1), st.floats(0.001, 0.1), st.integers(0, 1_000))
def test_a_stricter_level_promotes_nobody_whom_a_laxer_one_keeps(one: float, other: float, seed: int) -> None:
    outcomes, ours, theirs = sides(0.3, 0.6, seed)
    differences = both_differences(ours, theirs, COSTS)[Objective.LOG_LOSS]
    strict, lax = (paired(differences, outcomes, level) for level in sorted((one, other)))
    assert lax.better or not strict.better


def test_rows_without_any_difference_are_no_better() -> None:
    same = Differences(np.zeros(5), np.zeros(5), np.full(5, 0.2))
    assert not paired(same, np.zeros(5, np.int8), LEVEL).better
