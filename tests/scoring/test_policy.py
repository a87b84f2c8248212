from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.errors import BundleInvalid
from service.scoring.policy import DECISIONS, Costs, Decision, Policy, policy_from_costs
from tests.scoring.strategies import THOROUGH, USUAL

PROBABILITIES = st.floats(0, 1)
MONEY = st.floats(0.01, 1e6)


def expected_cost(costs: Costs, decision: Decision, p: float) -> float:
    if decision is Decision.APPROVE:
        return p * costs.false_approve
    if decision is Decision.DECLINE:
        return (1 - p) * costs.false_decline
    return math.inf if costs.review is None else costs.review


@pytest.mark.parametrize(
    ("probability", "decision"),
    [
        (0.0, "approve"),
        (0.29, "approve"),
        (0.3, "refer"),
        (0.59, "refer"),
        (0.6, "decline"),
        (1.0, "decline"),
    ],
)
def test_a_probability_equal_to_a_cut_off_takes_the_stricter_side(probability: float, decision: str) -> None:
    assert Policy("test", 0.3, 0.6).decide(probability) == decision


def test_the_float_just_below_a_cut_off_takes_the_milder_side() -> None:
    assert Policy("test", 0.3, 0.6).decide(math.nextafter(0.3, 0)) == "approve"
    assert Policy("test", 0.3, 0.6).decide(math.nextafter(0.6, 0)) == "refer"


@USUAL
@given(cut_off=PROBABILITIES, p=PROBABILITIES)
def test_with_equal_cut_offs_nothing_is_referred(cut_off: float, p: float) -> None:
    assert Policy("test", cut_off, cut_off).decide(p) == ("approve" if p < cut_off else "decline")


@pytest.mark.parametrize(
    ("refer_from", "decline_from", "decisions"),
    [
        (0.0, 0.0, ["decline"] * 3),
        (0.0, 1.0, ["refer", "refer", "decline"]),
        (1.0, 1.0, ["approve"] * 2 + ["decline"]),
    ],
)
def test_cut_offs_may_stand_at_the_ends(refer_from: float, decline_from: float, decisions: list[str]) -> None:
    policy = Policy("test", refer_from, decline_from)
    assert [policy.decide(p) for p in (0.0, 0.5, 1.0)] == decisions


@USUAL
@given(cut_offs=st.tuples(PROBABILITIES, PROBABILITIES), p=st.lists(PROBABILITIES, min_size=1))
def test_an_array_is_decided_like_each_probability(cut_offs: tuple[float, float], p: list[float]) -> None:
    policy = Policy("test", *sorted(cut_offs))
    probabilities = [*p, *cut_offs, math.nan]
    codes = policy.decide_all(np.array(probabilities))
    assert codes.dtype == np.int8
    assert [DECISIONS[code] for code in codes] == [policy.decide(value) for value in probabilities]


def test_what_is_no_number_is_never_approved() -> None:
    assert Policy("test", 0.3, 0.6).decide(math.nan) == "decline"
    assert Policy("test", 0.3, 0.6).decide_all(np.array([math.nan])).tolist() == [
        DECISIONS.index(Decision.DECLINE)
    ]


def test_decisions_stand_in_order_of_strictness() -> None:
    assert DECISIONS == ("approve", "refer", "decline")


@THOROUGH
@given(false_approve=MONEY, false_decline=MONEY, review=st.none() | st.floats(0, 1e6))
def test_a_policy_from_costs_is_the_cheapest_at_every_probability(
    false_approve: float, false_decline: float, review: float | None
) -> None:
    costs = Costs(false_approve, false_decline, review)
    policy = policy_from_costs(costs)
    assert 0 <= policy.refer_from <= policy.decline_from <= 1
    for p in [*np.linspace(0, 1, 101).tolist(), policy.refer_from, policy.decline_from]:
        cheapest = min(expected_cost(costs, decision, p) for decision in DECISIONS)
        cost = expected_cost(costs, policy.decide(p), p)
        assert cost == pytest.approx(cheapest, rel=1e-9, abs=1e-9 * max(false_approve, false_decline))


def test_without_reviews_the_cut_off_is_where_both_errors_cost_the_same() -> None:
    policy = policy_from_costs(Costs(false_approve=9.0, false_decline=1.0))
    assert (policy.refer_from, policy.decline_from) == (0.1, 0.1)


def test_cheap_reviews_are_used_and_dear_ones_are_not() -> None:
    cheap = policy_from_costs(Costs(false_approve=10.0, false_decline=10.0, review=1.0))
    dear = policy_from_costs(Costs(false_approve=10.0, false_decline=10.0, review=6.0))
    assert (cheap.refer_from, cheap.decline_from) == (0.1, 0.9)
    assert (dear.refer_from, dear.decline_from) == (0.5, 0.5)


def test_the_version_names_the_policy_and_changes_with_its_cut_offs() -> None:
    version = Policy("least-cost", 0.3, 0.6).version
    assert version.startswith("least-cost-")
    assert len(version) == len("least-cost-") + 8
    assert version == Policy("least-cost", 0.3, 0.6).version
    assert version != Policy("least-cost", 0.3, math.nextafter(0.6, 1)).version


@pytest.mark.parametrize(
    "costs",
    [(0.0, 1.0, None), (1.0, 0.0, None), (1.0, 1.0, -0.1), (math.inf, 1.0, None), (1.0, math.nan, None),
     (1.0, 1.0, math.inf), (1.0, 1.0, math.nan)],
)  # fmt: skip
def test_refuses_costs_that_no_policy_follows_from(costs: tuple[float, float, float | None]) -> None:
    with pytest.raises(
        ValueError, match="a wrong decision costs more than 0, a review at least 0, both a finite"
    ):
        Costs(*costs)


def test_equal_policies_have_the_same_version() -> None:
    assert Policy("test", 0, 1).version == Policy("test", 0.0, 1.0).version


def test_a_policy_read_back_is_the_same() -> None:
    policy = Policy("test", 0.1, 0.7)
    assert Policy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refer_from": 0.7}, "policy: refer_from=0.7 and decline_from=0.6 must be ordered within 0 to 1"),
        ({"refer_from": -0.1}, "policy: refer_from=-0.1 and decline_from=0.6 must be ordered within 0 to 1"),
        ({"decline_from": 1.1}, "policy: refer_from=0.3 and decline_from=1.1 must be ordered within 0 to 1"),
        ({"decline_from": None}, "policy decline_from: None is not a finite number"),
        ({"refer_from": math.nan}, "policy refer_from: nan is not a finite number"),
        ({"refer_from": True}, "policy refer_from: True is not a finite number"),
        ({"approve_all": True}, "policy: expected exactly ['decline_from', 'name', 'refer_from']"),
        ({"name": 3}, "policy: name 3 is not 1 to 40 of: a-z, 0-9"),
        ({"name": ""}, "policy: name '' is not 1 to 40 of: a-z, 0-9"),
        ({"name": "../strict"}, "policy: name '../strict' is not 1 to 40 of: a-z, 0-9"),
        ({"name": "strict\n"}, "policy: name 'strict\\n' is not 1 to 40 of: a-z, 0-9"),
        ({"name": "a" * 41}, f"policy: name '{'a' * 41}' is not 1 to 40 of: a-z, 0-9"),
    ],
)
def test_refuses_a_malformed_policy(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        Policy.from_json({"name": "test", "refer_from": 0.3, "decline_from": 0.6} | change)
    assert str(refusal.value).startswith(message)
