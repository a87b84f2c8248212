from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.policy import Costs, Policy
from training.losses import cost_of_decisions
from training.policies import expected_cost
from training.swap_set import swap_set

OLD, NEW = Policy("old", 0.3, 0.6), Policy("new", 0.5, 0.5)
COSTS = Costs(false_approve=10.0, false_decline=4.0, review=1.0)
P = np.array([0.1, 0.2, 0.35, 0.45, 0.55, 0.7])
OUTCOMES = np.array([0, 0, 0, 1, 0, 1], dtype=np.int8)


def cell(report: dict[str, Any], earlier: str, later: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = [item for item in report["cells"] if (item["from"], item["to"]) == (earlier, later)]
    return found


def test_each_cell_counts_the_cases_that_go_from_one_decision_to_another() -> None:
    report = swap_set(P, OLD, P, NEW, OUTCOMES)
    counts = {(item["from"], item["to"]): item["rows"] for item in report["cells"] if item["rows"]}
    assert counts == {
        ("approve", "approve"): 2,
        ("refer", "approve"): 2,
        ("refer", "decline"): 1,
        ("decline", "decline"): 1,
    }
    assert len(report["cells"]) == 9
    assert report["changed"]["rows"] == 3
    assert report["changed"]["share"] == pytest.approx(0.5)


def test_a_cell_has_its_bad_rate_and_the_probability_that_was_expected() -> None:
    found = cell(swap_set(P, OLD, P, NEW, OUTCOMES), "refer", "approve")
    assert (found["bad"], found["bad_rate"]) == (1, 0.5)
    assert found["probability"] == pytest.approx(0.4)


def test_an_empty_cell_has_no_bad_rate() -> None:
    found = cell(swap_set(P, OLD, P, NEW, OUTCOMES), "approve", "decline")
    assert (found["rows"], found["share"], found["bad"], found["bad_rate"]) == (0, 0.0, None, None)


def test_swapped_in_and_out_are_those_whose_approval_changes() -> None:
    there, back = swap_set(P, OLD, P, NEW, OUTCOMES), swap_set(P, NEW, P, OLD, OUTCOMES)
    assert (there["swapped_in"]["rows"], there["swapped_out"]["rows"]) == (2, 0)
    assert there["swapped_in"] == back["swapped_out"]
    assert there["changed"] == back["changed"]


def test_costs_before_and_after_are_those_of_the_decisions() -> None:
    report = swap_set(P, OLD, P, NEW, OUTCOMES, COSTS)
    for side, policy in (("before", OLD), ("after", NEW)):
        assert report[side]["policy"] == policy.version
        assert report[side]["expected_cost"] == pytest.approx(expected_cost(P, policy, COSTS))
        assert report[side]["realised_cost"] == pytest.approx(
            cost_of_decisions(OUTCOMES, P, policy, COSTS).mean()
        )
    assert report["change"]["realised_cost"] == pytest.approx((10 + 4) / 6 - 3 / 6)
    assert report["change"]["approval_rate"] == pytest.approx(2 / 6)


def test_outcomes_that_are_not_known_stand_in_no_rate_and_no_realised_cost() -> None:
    known = np.array([0.0, np.nan, np.nan, 1.0, np.nan, np.nan])
    report = swap_set(P, OLD, P, NEW, known, COSTS)
    assert cell(report, "refer", "approve")["bad_rate"] == 1.0
    assert cell(report, "refer", "decline")["bad_rate"] is None
    assert report["after"]["realised_cost"] == pytest.approx(10 / 2)
    unknown = swap_set(P, OLD, P, NEW, None, COSTS)
    assert unknown["after"]["realised_cost"] is None
    assert unknown["change"]["realised_cost"] is None
    assert unknown["after"]["expected_cost"] == report["after"]["expected_cost"]


def test_reviews_without_a_price_leave_that_sides_cost_open() -> None:
    report = swap_set(P, OLD, P, NEW, OUTCOMES, Costs(10.0, 4.0))
    assert (report["before"]["expected_cost"], report["before"]["realised_cost"]) == (None, None)
    assert report["after"]["realised_cost"] == pytest.approx(14 / 6)
    assert report["change"]["expected_cost"] is None


def test_groups_show_who_is_treated_more_strictly_and_who_more_mildly() -> None:
    sex = ["m", "f", "m", "m", "f", "f"]
    report = swap_set(P, OLD, P, NEW, OUTCOMES, groups={"sex": sex})
    assert report["groups"]["sex"] == [
        {
            "group": "f",
            "rows": 3,
            "changed": 1,
            "stricter": 1,
            "milder": 0,
            "approval_rate_before": pytest.approx(1 / 3),
            "approval_rate_after": pytest.approx(1 / 3),
        },
        {
            "group": "m",
            "rows": 3,
            "changed": 2,
            "stricter": 0,
            "milder": 2,
            "approval_rate_before": pytest.approx(1 / 3),
            "approval_rate_after": 1.0,
        },
    ]


def test_two_models_are_compared_on_the_same_rows_under_one_policy() -> None:
    report = swap_set(P, NEW, P[::-1].copy(), NEW, OUTCOMES, COSTS)
    assert report["swapped_in"]["rows"] == report["swapped_out"]["rows"] == 2
    assert report["swapped_in"]["bad_rate"] == 0.5
    assert cell(report, "decline", "approve")["probability"] == pytest.approx((0.2 + 0.1) / 2)
    assert report["change"]["approval_rate"] == 0.0


def test_weights_count_in_shares_and_costs_and_not_in_counts() -> None:
    weights = np.array([3.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    weighed = swap_set(P, OLD, P, NEW, OUTCOMES, COSTS, weights=weights)
    repeated = np.repeat(np.arange(6), weights.astype(int))
    p = P[repeated]
    longer = swap_set(p, OLD, p, NEW, OUTCOMES[repeated], COSTS)
    assert weighed["changed"]["rows"] == longer["changed"]["rows"]
    assert weighed["rows"] == 6
    for side in ("before", "after", "change"):
        assert weighed[side] == pytest.approx(longer[side], nan_ok=False)
    assert [item["share"] for item in weighed["cells"]] == pytest.approx(
        [item["share"] for item in longer["cells"]]
    )


SHARE = st.floats(0, 1)


@settings(max_examples=100, deadline=None)
@given(
    p=st.lists(st.tuples(SHARE, SHARE, st.booleans()), min_size=1, max_size=30),
    cut=st.lists(SHARE, min_size=4, max_size=4),
)
def test_the_cells_hold_every_case_once_and_the_report_is_json(
    p: list[tuple[float, float, bool]], cut: list[float]
) -> None:
    a, b, bad = (np.array(column) for column in zip(*p, strict=True))
    sides = Policy("a", *sorted(cut[:2])), Policy("b", *sorted(cut[2:]))
    report = swap_set(a, sides[0], b, sides[1], bad, COSTS, {"all": ["x"] * len(p)})
    assert sum(item["rows"] for item in report["cells"]) == len(p)
    assert sum(item["bad"] or 0 for item in report["cells"]) == bad.sum()
    stays = sum(item["rows"] for item in report["cells"] if item["from"] == item["to"])
    assert stays + report["changed"]["rows"] == len(p)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities_b": P[:3]}, "the same rows: probabilities_b has 3, not 6"),
        ({"outcomes": OUTCOMES[:3]}, "the same rows: outcomes has 3, not 6"),
        ({"weights": np.ones(7)}, "the same rows: weights has 7, not 6"),
        ({"groups": {"sex": ["m"]}}, "the same rows: sex has 1, not 6"),
        ({"probabilities_a": P[:0]}, "a swap set needs at least one row"),
    ],
)
def test_rows_that_do_not_match_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="a swap set") as caught:
        swap_set(**{"probabilities_a": P, "policy_a": OLD, "probabilities_b": P, "policy_b": NEW, **change})
    assert message in str(caught.value)
