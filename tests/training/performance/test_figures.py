from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from service.scoring.arithmetic import logistic
from service.scoring.policy import Costs, Policy
from training.losses import cost_of_decisions
from training.performance.expected import expected, expected_auc
from training.performance.figures import Figure, Known, figures, weighted_mean

COSTS, POLICY = Costs(5.0, 1.0, 0.6), Policy("test", 0.2, 0.6)


def known(rows: int, seed: int = 0, shift: float = 0.0, slope: float = 1.0) -> Known:
    """Cases whose true log-odds are slope times the model's, plus a shift."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1.0, 1.2, rows)
    bad = (rng.random(rows) < logistic(slope * x + shift)).astype(np.float64)
    p = logistic(x)
    return Known(bad, p, POLICY.decide_all(p), np.ones(rows))


def value(figure: Figure | None) -> float:
    assert figure is not None
    return figure.value


def within(figure: Figure | None, truth: float) -> bool:
    assert figure is not None
    return figure.low <= truth <= figure.high


def test_figures_are_those_of_scikit_learn_and_of_training() -> None:
    cases = known(2_000)
    found = figures(cases, COSTS)
    assert value(found.auc) == pytest.approx(roc_auc_score(cases.bad, cases.probabilities))
    assert value(found.brier) == pytest.approx(brier_score_loss(cases.bad, cases.probabilities))
    costs = cost_of_decisions(cases.bad.astype(np.int8), cases.probabilities, POLICY, COSTS)
    assert value(found.cost_per_case) == pytest.approx(costs.mean())


def test_right_probabilities_have_intercept_0_and_slope_1_within_their_intervals() -> None:
    found = figures(known(20_000), COSTS)
    assert within(found.intercept, 0.0), found.intercept
    assert within(found.slope, 1.0), found.slope


def test_a_shift_and_a_slope_are_measured() -> None:
    assert within(figures(known(20_000, shift=0.4), COSTS).intercept, 0.4)
    assert within(figures(known(20_000, slope=0.6), COSTS).slope, 0.6)


def test_with_too_few_of_either_kind_it_is_said_how_many_are_needed() -> None:
    found = figures(known(60), COSTS)
    assert found.auc is None
    assert found.too_few == f"too few: {found.bad} bad and {60 - found.bad} good cases, 30 of each are needed"
    nothing = figures(known(0), COSTS)
    assert (nothing.rows, nothing.mean_probability) == (0, None)


def test_weights_give_the_figures_of_the_population_that_they_stand_for() -> None:
    population = known(60_000, seed=3)
    declined = population.decisions == 2
    kept = ~declined | (np.random.default_rng(1).random(60_000) < 0.1)
    told = population.of(kept)
    weighted = Known(told.bad, told.probabilities, told.decisions, np.where(told.decisions == 2, 10.0, 1.0))
    truth, found = figures(population, COSTS), figures(weighted, COSTS)
    unweighted = figures(told, COSTS)
    for name in ("bad_rate", "brier", "cost_per_case", "auc"):
        of_all, of_told = getattr(truth, name), getattr(found, name)
        assert within(of_told, of_all.value), name
    assert not within(unweighted.bad_rate, value(truth.bad_rate)), "left unweighted it would be biased"


def test_cases_that_stand_for_others_have_no_intercept_and_slope_and_it_is_said_why() -> None:
    cases = known(2_000)
    weights = np.where(np.arange(2_000) % 2, 10.0, 1.0)
    found = figures(Known(cases.bad, cases.probabilities, cases.decisions, weights), COSTS)
    assert (found.intercept, found.slope) == (None, None)
    assert (found.no_line or "").startswith("cases stand for unequal numbers of others")
    alike = figures(Known(cases.bad, cases.probabilities, cases.decisions, np.full(2_000, 10.0)), COSTS)
    assert alike.no_line is None
    assert within(alike.intercept, 0.0)


def test_the_interval_of_a_weighted_mean_covers_it_nineteen_times_in_twenty() -> None:
    covered, runs = 0, 400
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        values, kind = rng.normal(size=600), rng.random(600) < 0.5
        kept = kind | (rng.random(600) < 0.2)
        values = values + kind
        found = weighted_mean(values[kept], np.where(kind[kept], 1.0, 5.0))
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / runs <= 0.98, covered / runs


def test_what_is_expected_is_what_happens_where_probabilities_are_right() -> None:
    cases = known(5_000, seed=7)
    found, real = expected(cases.probabilities, cases.decisions, COSTS), figures(cases, COSTS)
    for name in ("bad_rate", "auc", "brier", "cost_per_case"):
        assert within(getattr(found, name), getattr(real, name).value), name
    assert "estimate" in found.to_json()["label"]


def test_expected_ranking_is_the_mean_over_outcomes_drawn_from_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = np.round(logistic(rng.normal(-1, 1.2, 400)), 2)
    drawn = [roc_auc_score(rng.random(400) < p, p) for _ in range(150)]
    assert expected_auc(p) == pytest.approx(np.mean(drawn), abs=0.007)


def test_nothing_is_expected_of_no_decisions() -> None:
    none = np.empty(0)
    found = expected(none, none.astype(np.int8), COSTS)
    assert (found.rows, found.auc, found.brier) == (0, None, None)


def test_where_all_probabilities_are_0_there_is_no_ranking_to_expect() -> None:
    found = expected(np.zeros(10), np.zeros(10, np.int8), COSTS)
    assert found.auc is None
    assert found.bad_rate == Figure(0.0, 0.0, 0.0)
