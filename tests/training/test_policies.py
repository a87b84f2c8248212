from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import WrongUse
from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs, Policy, policy_from_costs
from training.policies import expected_cost, expected_mix, least_cost_policy
from training.use_case import PolicyAims

THOROUGH = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
# Few values, so that ties are the rule; 0 and 1, where cut-offs end.
PROBABILITIES = st.lists(
    st.sampled_from([0.0, 0.1, 0.25, 0.4, 0.5, 0.75, 0.9, 1.0]) | st.floats(0, 1), min_size=1, max_size=8
)
MONEY = st.sampled_from([0.5, 1.0, 3.0, 10.0]) | st.floats(0.01, 100)
COSTS = st.builds(
    Costs,
    false_approve=MONEY,
    false_decline=MONEY,
    review=st.none() | st.sampled_from([0.0, 0.2, 20.0]) | MONEY,
)
SHARES = st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)
AIMS = st.builds(PolicyAims, review_capacity=SHARES, approval_rate=SHARES)
EVEN = np.linspace(0.05, 0.95, 10)
COSTS_OF_THREE = Costs(false_approve=10.0, false_decline=4.0, review=1.0)


def every_policy(probabilities: FloatArray) -> list[Policy]:
    """One policy for each way in which two cut-offs within 0 to 1 can part the cases."""
    distinct = sorted({*probabilities.tolist()})
    cut_offs = sorted(
        {0.0, 1.0, *(low + (high - low) / 2 for low, high in pairwise([*distinct, 1.0])), *distinct}
    )
    return [Policy("any", low, high) for low in cut_offs for high in cut_offs if low <= high]


def keeping_to(aims: PolicyAims, policies: list[Policy], p: FloatArray, weights: FloatArray) -> list[Policy]:
    mixes = {policy: expected_mix(p, policy, weights) for policy in policies}
    if aims.approval_rate is not None:
        gaps = {policy: abs(mix["approve"] - aims.approval_rate) for policy, mix in mixes.items()}
        policies = [policy for policy in policies if gaps[policy] <= min(gaps.values()) + 1e-12]
    capacity = 1.0 if aims.review_capacity is None else aims.review_capacity
    return [policy for policy in policies if mixes[policy]["refer"] <= capacity + 1e-12]


def drawn_weights(data: st.DataObject, rows: int) -> FloatArray:
    weights = np.array(
        data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=rows, max_size=rows))
    )
    return weights if weights.any() else np.ones(rows)


@THOROUGH
@given(p=PROBABILITIES, costs=COSTS, aims=AIMS, data=st.data())
def test_no_pair_of_cut_offs_that_keeps_to_the_aims_is_cheaper(
    p: list[float], costs: Costs, aims: PolicyAims, data: st.DataObject
) -> None:
    probabilities = np.array(p)
    weights = drawn_weights(data, len(p))
    policy = least_cost_policy(probabilities, costs, aims, weights)
    seen = probabilities[weights > 0]
    rivals = [
        rival
        for rival in every_policy(seen)
        if costs.review is not None or rival.refer_from == rival.decline_from
    ]
    rivals = keeping_to(aims, rivals, probabilities, weights)
    cheapest = min(expected_cost(probabilities, rival, costs, weights) for rival in rivals)
    assert expected_cost(probabilities, policy, costs, weights) == pytest.approx(cheapest, rel=1e-9, abs=1e-9)
    assert keeping_to(aims, [*rivals, policy], probabilities, weights)[-1] == policy


@THOROUGH
@given(p=PROBABILITIES, costs=COSTS, aims=AIMS)
def test_a_policy_can_be_stored_and_read_back(p: list[float], costs: Costs, aims: PolicyAims) -> None:
    policy = least_cost_policy(np.array(p), costs, aims)
    assert Policy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


@THOROUGH
@given(p=PROBABILITIES, costs=COSTS)
def test_without_aims_the_cut_offs_follow_from_the_costs_alone(p: list[float], costs: Costs) -> None:
    assert least_cost_policy(np.array(p), costs) == policy_from_costs(costs)


@THOROUGH
@given(p=PROBABILITIES, costs=COSTS, aims=AIMS)
def test_a_case_counted_three_times_weighs_three(p: list[float], costs: Costs, aims: PolicyAims) -> None:
    weights = np.arange(len(p)) % 3 + 1
    repeated = np.repeat(np.array(p), weights)
    once = least_cost_policy(np.array(p), costs, aims, weights.astype(float))
    many = least_cost_policy(repeated, costs, aims)
    assert expected_cost(repeated, once, costs) == pytest.approx(expected_cost(repeated, many, costs))


def test_a_capacity_that_is_not_reached_leaves_the_cut_offs_where_the_costs_put_them() -> None:
    free = policy_from_costs(COSTS_OF_THREE)
    referred = expected_mix(EVEN, free)["refer"]
    assert least_cost_policy(EVEN, COSTS_OF_THREE, PolicyAims(review_capacity=referred)) == free
    assert least_cost_policy(EVEN, COSTS_OF_THREE, PolicyAims(review_capacity=referred - 0.01)) != free


def test_a_smaller_capacity_refers_the_cases_where_a_review_saves_most() -> None:
    policy = least_cost_policy(EVEN, COSTS_OF_THREE, PolicyAims(review_capacity=0.2))
    assert (policy.refer_from, policy.decline_from) == pytest.approx((0.2, 0.4))
    assert expected_mix(EVEN, policy) == pytest.approx({"approve": 0.2, "refer": 0.2, "decline": 0.6})


@pytest.mark.parametrize("p", [EVEN, np.array([0.01, 0.99])], ids=["cases to refer", "none to refer"])
def test_no_capacity_leaves_the_cut_off_of_a_policy_without_reviews(p: FloatArray) -> None:
    policy = least_cost_policy(p, COSTS_OF_THREE, PolicyAims(review_capacity=0.0))
    assert policy == policy_from_costs(replace(COSTS_OF_THREE, review=None))


def test_a_wished_approval_rate_is_met_and_the_rest_decided_by_cost() -> None:
    policy = least_cost_policy(EVEN, COSTS_OF_THREE, PolicyAims(approval_rate=0.5))
    # A review of one case costs what declining it does where 4 (1 - p) = 1.
    assert (policy.refer_from, policy.decline_from) == pytest.approx((0.5, 0.75))
    assert expected_mix(EVEN, policy) == pytest.approx({"approve": 0.5, "refer": 0.2, "decline": 0.3})


@pytest.mark.parametrize(("rate", "cut_off"), [(0.0, 0.0), (1.0, 1.0)])
def test_approving_nobody_or_everybody_puts_the_cut_off_at_the_end(rate: float, cut_off: float) -> None:
    assert least_cost_policy(EVEN, COSTS_OF_THREE, PolicyAims(approval_rate=rate)).refer_from == cut_off


def test_equal_probabilities_are_decided_alike_even_where_the_wished_rate_falls_among_them() -> None:
    tied = np.array([0.1, 0.3, 0.3, 0.3, 0.3, 0.8, 0.8, 0.8, 0.9, 0.9])
    policy = least_cost_policy(tied, Costs(1.0, 1.0), PolicyAims(approval_rate=0.4))
    assert expected_mix(tied, policy)["approve"] == pytest.approx(0.5)


def test_of_two_approval_rates_equally_near_the_cheaper_is_taken() -> None:
    pair = np.array([0.2, 0.2, 0.9])
    lenient, strict = Costs(1.0, 9.0), Costs(9.0, 1.0)
    half = PolicyAims(approval_rate=1 / 3)
    assert expected_mix(pair, least_cost_policy(pair, lenient, half))["approve"] == pytest.approx(2 / 3)
    assert expected_mix(pair, least_cost_policy(pair, strict, half))["approve"] == 0.0


def test_a_cut_off_between_neighbouring_floats_still_parts_them() -> None:
    pair = np.array([0.5, math.nextafter(0.5, 1)])
    policy = least_cost_policy(pair, Costs(9.0, 1.0), PolicyAims(approval_rate=0.5))
    assert expected_mix(pair, policy) == {"approve": 0.5, "refer": 0.0, "decline": 0.5}


def test_a_certain_bad_case_is_never_approved_whatever_the_wished_rate() -> None:
    policy = least_cost_policy(np.array([0.1, 1.0]), COSTS_OF_THREE, PolicyAims(approval_rate=1.0))
    assert expected_mix(np.array([0.1, 1.0]), policy)["decline"] == 0.5


def test_the_policy_has_the_name_it_was_given() -> None:
    assert least_cost_policy(EVEN, COSTS_OF_THREE, name="spring").version.startswith("spring-")


def test_a_million_cases_take_seconds() -> None:
    p = np.random.default_rng(0).beta(1, 9, 1_000_000)
    policy = least_cost_policy(p, COSTS_OF_THREE, PolicyAims(0.05, 0.7))
    mix = expected_mix(p, policy)
    assert mix["approve"] == pytest.approx(0.7, abs=1e-6)
    assert mix["refer"] == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("field", ["review_capacity", "approval_rate"])
def test_an_aim_that_is_no_share_is_refused(field: str, share: float) -> None:
    with pytest.raises(WrongUse) as caught:
        least_cost_policy(EVEN, COSTS_OF_THREE, PolicyAims(**{field: share}))
    assert str(caught.value) == f"{field}={share} is not a share; it must be from 0 to 1, or left open"


@pytest.mark.parametrize(
    ("p", "weights", "message"),
    [
        ([0.5, math.nan], None, "one probability from 0 to 1"),
        ([0.5, 1.5], None, "one probability from 0 to 1"),
        ([0.5, 0.6], [1.0], "one weight, for every case"),
        ([0.5, 0.6], [0.0, 0.0], "a case of more than 0"),
        ([0.5, 0.6], [2.0, -1.0], "weights of at least 0"),
        ([0.5, 0.6], [1.0, math.inf], "a case of more than 0"),
        ([], None, "a case of more than 0"),
    ],
)
def test_what_is_no_probability_or_weight_is_refused(
    p: list[float], weights: list[float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match="a policy needs") as caught:
        least_cost_policy(np.array(p), COSTS_OF_THREE, weights=None if weights is None else np.array(weights))
    assert message in str(caught.value)


def test_the_expected_cost_is_that_of_each_decision() -> None:
    cost = expected_cost(np.array([0.1, 0.5, 0.8]), Policy("test", 0.3, 0.6), COSTS_OF_THREE)
    assert cost == pytest.approx((0.1 * 10 + 1 + 0.2 * 4) / 3)


def test_reviews_that_no_cost_is_stated_for_are_not_taken_as_free() -> None:
    with pytest.raises(ValueError, match="refers 1 cases, and review=None states no cost of one"):
        expected_cost(np.array([0.1, 0.5]), Policy("test", 0.3, 0.6), Costs(10.0, 4.0))
