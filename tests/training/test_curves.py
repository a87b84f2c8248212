from __future__ import annotations

import numpy as np
import pytest

from service.scoring.policy import Costs, Policy, policy_from_costs
from training.curves import POINTS, cost_by_cut_off, curves, reliability
from training.intervals import wilson
from training.losses import cost_of_decisions

COSTS = Costs(false_approve=5.0, false_decline=1.0)


@pytest.fixture(scope="module")
def rare() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    probabilities = 1 / (1 + np.exp(-random.normal(-5.0, 1.5, 20_000)))
    return (random.random(20_000) < probabilities).astype(np.int8), probabilities


def test_curves_have_few_points_and_begin_and_end_where_they_must(
    rare: tuple[np.ndarray, np.ndarray],
) -> None:
    outcomes, probabilities = rare
    found = curves(outcomes, probabilities, policy_from_costs(COSTS), COSTS, np.ones(len(outcomes)))
    assert found["roc"][0] == [0.0, 0.0]
    assert found["roc"][-1] == [1.0, 1.0]
    assert found["pr"][-1][0] == 1.0
    assert 20 < len(found["roc"]) <= POINTS
    assert 20 < len(found["pr"]) <= POINTS


def test_score_by_class_counts_every_row_and_spreads_rare_outcomes(
    rare: tuple[np.ndarray, np.ndarray],
) -> None:
    outcomes, probabilities = rare
    found = curves(outcomes, probabilities, policy_from_costs(COSTS), COSTS, np.ones(len(outcomes)))
    by_class = found["score_by_class"]
    assert (sum(by_class["bad"]), sum(by_class["good"])) == (outcomes.sum(), (1 - outcomes).sum())
    assert sum(count > 0 for count in by_class["good"]) > 15


def test_decisions_count_every_row_once(rare: tuple[np.ndarray, np.ndarray]) -> None:
    outcomes, probabilities = rare
    policy = Policy("test", 0.01, 0.1)
    found = curves(outcomes, probabilities, policy, COSTS, np.ones(len(outcomes)))["decisions"]
    assert sum(sum(kinds.values()) for kinds in found.values()) == len(outcomes)
    assert found["approve"]["bad"] == int(((probabilities < 0.01) & (outcomes == 1)).sum())


def test_cost_by_cut_off_is_the_cost_of_that_policy() -> None:
    random = np.random.default_rng(2)
    probabilities = random.random(500)
    outcomes = (random.random(500) < probabilities).astype(np.int8)
    for cut_off, cost in cost_by_cut_off(outcomes, probabilities, COSTS, np.ones(500)):
        policy = Policy("cut", cut_off, cut_off)
        expected = cost_of_decisions(outcomes, probabilities, policy, COSTS).mean()
        assert cost == pytest.approx(expected), cut_off


def test_reliability_has_ten_bins_of_equal_count_around_the_bad_rate() -> None:
    random = np.random.default_rng(3)
    probabilities = random.random(10_000)
    outcomes = (random.random(10_000) < probabilities).astype(np.int8)
    bins = reliability(outcomes, probabilities, np.ones(10_000))
    assert [item["rows"] for item in bins] == [1_000] * 10
    assert all(item["low"] < item["bad_rate"] < item["high"] for item in bins)
    assert all(abs(item["mean_probability"] - item["bad_rate"]) < 0.05 for item in bins)


def test_fewer_rows_than_bins_leave_no_bin_empty() -> None:
    bins = reliability(np.array([0, 1, 1], np.int8), np.array([0.1, 0.5, 0.9]), np.ones(3))
    assert [item["rows"] for item in bins] == [1, 1, 1]


@pytest.mark.parametrize(
    ("rate", "rows", "low", "high"), [(0.0, 10, 0.0, 0.2775), (0.5, 100, 0.4038, 0.5962)]
)
def test_wilson_is_the_published_interval(rate: float, rows: float, low: float, high: float) -> None:
    assert list(wilson(rate, rows)) == pytest.approx([low, high], abs=1e-4)
