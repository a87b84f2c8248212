from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.candidates import FOR_FEW, Candidate
from training.data import Cases, generate_cases
from training.splits import Fold, make_folds
from training.tune import Budget, Search, search
from training.use_cases import use_cases

BY_NAME = {candidate.name: candidate for candidate in FOR_FEW}
TWO = [BY_NAME["logistic_regression"], BY_NAME["decision_tree"]]


@pytest.fixture(scope="module")
def cases() -> Cases:
    return generate_cases(use_cases()["loan_approval"], 800, seed=1)


@pytest.fixture(scope="module")
def folds(cases: Cases) -> list[Fold]:
    return make_folds(cases, np.arange(cases.rows), 0)[:5]


def searched(cases: Cases, folds: Sequence[Fold], trials: int, families: Sequence[Candidate] = TWO) -> Search:
    return search(families, cases, folds, 0, Budget(trials))


def test_without_trials_every_family_is_scored_as_declared(cases: Cases, folds: list[Fold]) -> None:
    found = searched(cases, folds, 0)
    assert [candidate for candidate, _ in found.scored] == TWO
    assert [trial.candidate for trial in found.trials] == [family.name for family in TWO]


def test_trials_never_make_a_family_worse(cases: Cases, folds: list[Fold]) -> None:
    tree = [BY_NAME["decision_tree"]]
    found = searched(cases, folds, 6, tree)
    losses = [trial.objective for trial in found.trials if trial.objective is not None]
    candidate, _ = found.scored[0]
    best = min(found.trials, key=lambda trial: np.inf if trial.objective is None else trial.objective)
    assert min(losses) <= losses[0]
    assert dict(candidate.parameters) == dict(best.parameters)


def test_the_same_seed_searches_the_same(cases: Cases, folds: list[Fold]) -> None:
    first, again = searched(cases, folds, 4), searched(cases, folds, 4)
    assert [(t.candidate, t.parameters, t.objective, t.state) for t in first.trials] == [
        (t.candidate, t.parameters, t.objective, t.state) for t in again.trials
    ]


def test_trials_go_to_contenders_alone(cases: Cases, folds: list[Fold]) -> None:
    found = searched(cases, folds, 4)
    losses = {trial.candidate: trial.objective for trial in found.trials[:2]}
    best = min(losses, key=lambda name: losses[name] or np.inf)
    assert best in {trial.candidate for trial in found.trials[2:]}


def test_what_cannot_be_served_is_scored_once_and_not_searched(cases: Cases, folds: list[Fold]) -> None:
    found = searched(cases, folds, 3, [BY_NAME["logistic_regression"], BY_NAME["knn"]])
    assert [trial.candidate for trial in found.trials].count("knn") == 1


def test_ctrl_c_during_the_trials_keeps_what_was_found(cases: Cases, folds: list[Fold]) -> None:
    def interrupt(message: str, share: float) -> None:
        if message.startswith("trial 2"):
            raise KeyboardInterrupt

    found = search(TWO, cases, folds, 0, Budget(50), interrupt)
    assert found.stopped == "by the user after 4 trials"
    assert len(found.scored) == 2


def test_ctrl_c_during_the_starts_keeps_what_can_be_served(cases: Cases, folds: list[Fold]) -> None:
    def interrupt(message: str, share: float) -> None:
        raise KeyboardInterrupt

    found = search(TWO, cases, folds, 0, Budget(1), interrupt)
    assert found.stopped == "by the user after 1 trials"
    assert [candidate for candidate, _ in found.scored] == TWO[:1]


def test_ctrl_c_before_anything_can_be_served_ends_the_training(cases: Cases, folds: list[Fold]) -> None:
    with pytest.raises(KeyboardInterrupt):
        search([_failing(KeyboardInterrupt())], cases, folds, 0, Budget(1))


def test_a_family_that_fails_is_a_failed_trial_and_the_others_go_on(cases: Cases, folds: list[Fold]) -> None:
    found = search([_failing(ValueError("too few rows")), *TWO], cases, folds, 0, Budget(0))
    assert [trial.state for trial in found.trials] == ["failed", "complete", "complete"]
    assert [candidate for candidate, _ in found.scored] == TWO
    assert found.to_json()["failed"] == 1


def test_when_everything_fails_the_last_failure_is_raised(cases: Cases, folds: list[Fold]) -> None:
    with pytest.raises(ValueError, match="too few rows"):
        search([_failing(ValueError("too few rows"))], cases, folds, 0, Budget(0))


def _failing(error: BaseException) -> Candidate:
    def fit(*_: object) -> Any:
        raise error

    return replace(TWO[0], name="failing", fit=fit)


def test_the_clock_ends_the_search(cases: Cases, folds: list[Fold]) -> None:
    found = search(TWO, cases, folds, 0, Budget(50, minutes=0.0))
    assert found.stopped == "by the clock after 1 trials"


def test_a_hopeless_trial_is_pruned_and_says_so(cases: Cases, folds: list[Fold]) -> None:
    found = searched(cases, folds, 12, [BY_NAME["decision_tree"]])
    assert found.to_json()["trials"] == 13
    assert found.to_json()["pruned"] == sum(trial.state == "pruned" for trial in found.trials)
