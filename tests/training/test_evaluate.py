from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from service.scoring.policy import Costs, policy_from_costs
from training.calibrate import case_weights
from training.calibration_report import expected_calibration_error
from training.evaluate import Judged, intervals, judge, metrics

COSTS = Costs(false_approve=5.0, false_decline=1.0, review=0.4)


def judged(rows: int = 2_000, rounds: int = 1, seed: int = 0) -> Judged:
    random = np.random.default_rng(seed)
    log_odds = random.normal(-1.0, 1.5, rows)
    outcomes = (random.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    noisy = log_odds + random.normal(0, 0.3, (rounds, rows))
    return Judged("simulated", outcomes, 1 / (1 + np.exp(-noisy)), policy_from_costs(COSTS), COSTS)


def test_figures_are_those_of_scikit_learn() -> None:
    rows = judged()
    found, p = metrics(rows), rows.probabilities[0]
    assert found["roc_auc"] == pytest.approx(roc_auc_score(rows.outcomes, p))
    assert found["pr_auc"] == pytest.approx(average_precision_score(rows.outcomes, p))
    assert found["brier"] == pytest.approx(brier_score_loss(rows.outcomes, p))
    assert found["log_loss"] == pytest.approx(log_loss(rows.outcomes, p))
    assert found["approval_rate"] + found["refer_rate"] + found["decline_rate"] == pytest.approx(1.0)


def test_several_rounds_give_the_mean_of_their_figures() -> None:
    rows = judged(rounds=3)
    one_by_one = [
        metrics(Judged("one", rows.outcomes, p[None], rows.policy, COSTS))["roc_auc"]
        for p in rows.probabilities
    ]
    assert metrics(rows)["roc_auc"] == pytest.approx(np.mean(one_by_one))


def test_weights_give_the_figures_of_the_population_that_was_sampled() -> None:
    population = judged(rows=60_000)
    bad = np.flatnonzero(population.outcomes == 1)
    good = np.flatnonzero(population.outcomes == 0)[::5]
    kept = np.sort(np.r_[bad, good])
    outcomes, p = population.outcomes[kept], population.probabilities[:, kept]
    weights = case_weights(outcomes, float(population.outcomes.mean()))
    sample = Judged("sample", outcomes, p, population.policy, COSTS, weights)
    expected, found = metrics(population), metrics(sample)
    for name in ("bad_rate", "brier", "log_loss", "cost_per_case", "approval_rate"):
        assert found[name] == pytest.approx(expected[name], rel=0.03), name


def test_the_interval_of_the_auc_covers_the_truth_about_nineteen_times_in_twenty() -> None:
    truth = metrics(judged(rows=200_000, seed=99))["roc_auc"]
    covered = 0
    for seed in range(40):
        low, high = intervals(judged(rows=400, seed=seed), seed)["roc_auc"]
        covered += low <= truth <= high
    assert covered >= 33


def test_every_metric_with_an_interval_lies_within_it() -> None:
    rows = judged()
    figures = metrics(rows)
    for name, (low, high) in intervals(rows, 0).items():
        assert low <= figures[name] <= high, name


def test_a_judgement_is_json_and_the_same_each_time() -> None:
    rows = judged(rows=500)
    text = json.dumps(judge(rows, 3), allow_nan=False)
    assert text == json.dumps(judge(judged(rows=500), 3))


def test_ece_of_right_probabilities_is_small_and_of_halved_ones_is_not() -> None:
    log_odds = np.random.default_rng(5).normal(-1.0, 1.5, 20_000)
    p = 1 / (1 + np.exp(-log_odds))
    outcomes = (np.random.default_rng(6).random(20_000) < p).astype(np.int8)
    assert expected_calibration_error(outcomes, p) < 0.015
    assert expected_calibration_error(outcomes, p / 2) > 0.1


def test_ece_of_a_case_worked_by_hand() -> None:
    outcomes, probabilities = np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.4, 0.9])
    assert expected_calibration_error(outcomes, probabilities) == pytest.approx((0.1 + 0.4 + 0.6 + 0.1) / 4)
