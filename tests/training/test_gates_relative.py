from __future__ import annotations

import json

import pytest

from tests.training.gate_evidence import FAIL, NOT_APPLICABLE, PASS, judge
from training.gates import (
    GATES,
    blocking,
    relative_gates,
)
from training.use_case import Requirements

COMPARISON = {
    "champion": "card_default:0123",
    "rows": 4_800,
    "how": "untouched by both",
    "cost_difference": -4.0,
    "cost_interval": [-9.0, 1.0],
    "log_loss_difference": 0.0002,
    "log_loss_interval": [-0.001, 0.0014],
}


def test_a_challenger_that_is_not_significantly_worse_passes_beside_the_champion() -> None:
    cost, loss, latency = relative_gates(Requirements(), COMPARISON, 120.0, "card_default:0123", "TWD")
    assert [cost.status, loss.status, latency.status] == [PASS, PASS, PASS]
    assert cost.observed == "-4 TWD per case"
    assert cost.interval == (-9.0, 1.0)
    assert cost.note == "against card_default:0123 on 4800 rows, untouched by both"
    assert (latency.observed, latency.required) == ("120 microseconds", "at most 5000 microseconds")


@pytest.mark.parametrize(("figure", "position"), [("cost", 0), ("log_loss", 1)])
def test_a_challenger_whose_whole_interval_is_worse_fails(figure: str, position: int) -> None:
    worse = {**COMPARISON, f"{figure}_difference": 5.0, f"{figure}_interval": [0.1, 9.9]}
    results = relative_gates(Requirements(), worse, 120.0, "card_default:0123", "TWD")
    assert [result.status for result in results] == [FAIL if i == position else PASS for i in range(3)]
    assert len(blocking(results)) == 1


def test_without_a_champion_or_a_measured_time_nothing_is_compared() -> None:
    results = relative_gates(Requirements(), None, None)
    assert [result.status for result in results] == [NOT_APPLICABLE] * 3
    assert {result.observed for result in results} == {"not judged"}
    assert blocking(results) == []


def test_a_champion_that_could_not_be_compared_with_fails_and_says_what_to_do() -> None:
    cost, loss, _ = relative_gates(Requirements(), None, 120.0, "card_default:0123")
    assert [cost.blocks, loss.blocks] == [True, True]
    assert "--data" in cost.note
    assert "override" in cost.note


def test_a_slow_decision_fails() -> None:
    latency = relative_gates(Requirements(most_record_microseconds=100), None, 100.5)[-1]
    assert (latency.status, latency.observed) == (FAIL, "100.5 microseconds")


def test_results_are_json_and_every_gate_is_judged_once_in_the_order_of_the_table() -> None:
    results = [*judge().values(), *relative_gates(Requirements(), COMPARISON, 120.0)]
    assert [result.code for result in results] == list(GATES)
    body = json.loads(json.dumps([result.to_json() for result in results], allow_nan=False))
    assert body[2] == {
        "code": "G-AUC",
        "title": "Discrimination: ROC AUC",
        "severity": "blocks",
        "status": "pass",
        "observed": "0.7850",
        "required": "at least 0.7500",
        "interval": [0.778, 0.792],
        "note": "",
    }
