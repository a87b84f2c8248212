from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.candidates import FOR_FEW, Candidate
from training.data import Cases, generate_cases
from training.out_of_fold import OutOfFold, score_out_of_fold
from training.selection import Standing, chosen_of, compare
from training.splits import make_folds
from training.use_case import Objective
from training.use_cases import use_cases

BY_NAME = {candidate.name: candidate for candidate in FOR_FEW}
LINEAR, SYMMETRIC, TREE, KNN = (
    BY_NAME[name] for name in ("logistic_regression", "catboost_smooth", "decision_tree", "knn")
)


@pytest.fixture(scope="module")
def cases() -> Cases:
    return generate_cases(use_cases()["loan_approval"], 600, seed=2)


def scored(cases: Cases, scores: np.ndarray) -> OutOfFold:
    """Return scores as if a candidate had given them, one round of all rows."""
    fitted = score_out_of_fold(LINEAR, cases, make_folds(cases, np.arange(cases.rows), 0), 0).last_fit
    return OutOfFold(cases, np.arange(cases.rows), scores[None, :], fitted, scores)


def signal(cases: Cases, noise: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    good = cases.outcomes * 2.0 - 1.0
    scores: np.ndarray = good + random.normal(0, noise, cases.rows)
    return scores


def standings(cases: Cases, *scores: tuple[Candidate, np.ndarray]) -> list[Standing]:
    return compare([(candidate, scored(cases, values)) for candidate, values in scores])


def test_the_cheapest_class_wins_among_those_not_significantly_worse(cases: Cases) -> None:
    same = signal(cases, 1.0)
    found = standings(cases, (TREE, same), (SYMMETRIC, same), (LINEAR, same))
    assert chosen_of(found).candidate == LINEAR


def test_a_significantly_worse_class_does_not_win_however_cheap(cases: Cases) -> None:
    found = standings(cases, (TREE, signal(cases, 0.7)), (LINEAR, signal(cases, 4.0)))
    assert chosen_of(found).candidate == TREE
    assert next(item for item in found if item.candidate == LINEAR).significantly_worse


def test_what_cannot_be_served_is_never_chosen_and_never_the_measure(cases: Cases) -> None:
    found = standings(cases, (KNN, signal(cases, 0.5)), (LINEAR, signal(cases, 2.0)))
    assert chosen_of(found).candidate == LINEAR
    assert found[0].candidate == KNN
    assert found[0].worse_by < 0
    assert found[0].to_json()["size"] is None


def test_within_a_class_the_lower_log_loss_wins(cases: Cases) -> None:
    better = replace(SYMMETRIC, name="better")
    found = standings(cases, (SYMMETRIC, signal(cases, 1.02)), (better, signal(cases, 1.0)))
    assert chosen_of(found).candidate == better


def test_the_use_cases_own_objective_is_what_is_compared(cases: Cases) -> None:
    by_cost = replace(cases, use_case=replace(cases.use_case, objective=Objective.COST))
    pairs = (TREE, signal(cases, 0.8)), (LINEAR, signal(cases, 1.5))
    for given, name in ((cases, "log_loss"), (by_cost, "cost_per_case")):
        found = standings(given, *pairs)
        worse = next(item for item in found if item.candidate == LINEAR)
        best = next(item for item in found if item.candidate == TREE)
        assert worse.worse_by == pytest.approx(worse.figures[name] - best.figures[name])


def test_the_interval_is_that_of_paired_differences_per_row(cases: Cases) -> None:
    found = standings(cases, (TREE, signal(cases, 0.8)), (LINEAR, signal(cases, 1.5)))
    best, worse = found
    difference = worse.losses - best.losses
    half = 1.959963984540054 * difference.std() / len(difference) ** 0.5
    assert worse.interval == pytest.approx((difference.mean() - half, difference.mean() + half))
