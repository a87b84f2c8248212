from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.quickly import only
from training.candidates import FOR_FEW, Candidate
from training.data import Cases, generate_cases
from training.train import Options, Trained, train
from training.tune import Budget
from training.use_cases import use_cases

LOGISTIC, CATBOOST = FOR_FEW[0], FOR_FEW[1]


@pytest.fixture(scope="module")
def cases() -> Cases:
    return generate_cases(use_cases()["loan_approval"], 2_600, seed=4)


def test_the_same_cases_and_seed_give_the_same_bundle(cases: Cases) -> None:
    versions = {train(cases, options=only(LOGISTIC, CATBOOST)).scorer.version for _ in range(2)}
    assert len(versions) == 1
    assert train(cases, seed=1, options=only(LOGISTIC, CATBOOST)).scorer.version not in versions


def test_the_cheaper_class_wins_among_those_not_significantly_worse(cases: Cases) -> None:
    trained = train(cases, options=only(CATBOOST, LOGISTIC))
    assert trained.chosen == LOGISTIC
    assert [item.significantly_worse for item in trained.standings if item.chosen] == [False]


def test_a_cheaper_candidate_that_is_significantly_worse_is_not_chosen(
    quick: Callable[..., Trained],
) -> None:
    cases = quick("credit_risk").cases
    trained = train(cases, options=only(LOGISTIC, CATBOOST))
    assert trained.chosen == CATBOOST
    assert next(item for item in trained.standings if item.candidate == LOGISTIC).significantly_worse


def test_untouched_rows_are_never_seen_by_a_fit_that_they_judge(cases: Cases) -> None:
    seen: list[set[bytes]] = []

    def spy(matrix: np.ndarray, *rest: object) -> object:
        seen.append({row.tobytes() for row in matrix})
        return LOGISTIC.fit(matrix, *rest)  # type: ignore[arg-type]

    from training.splits import plan_split

    untouched = {cases.matrix[i].tobytes() for i in plan_split(cases, 0).untouched}
    train(cases, options=only(Candidate("spy", LOGISTIC.serving_class, spy, LOGISTIC.parameters)))  # type: ignore[arg-type]
    comparing_and_judging = seen[:6]
    assert [len(rows & untouched) for rows in comparing_and_judging] == [0] * 6
    assert untouched <= seen[-1]


def test_evidence_says_which_figures_are_the_procedures_and_which_the_bundles(
    quick: Callable[..., Trained],
) -> None:
    evidence = quick("credit_risk").scorer.evidence
    assert evidence["procedure"]["metrics"]["rows"] == evidence["data"]["untouched_rows"]
    assert evidence["shipped"]["metrics"]["rows"] == evidence["data"]["rows"]
    assert evidence["shipped"]["population"].endswith("each scored once by a fit that did not see it")
    assert evidence["warnings"] == ["The data were generated: figures say nothing about real cases."]


def test_ten_rows_train_and_say_that_they_prove_nothing() -> None:
    ten = generate_cases(use_cases()["loan_approval"], 1_000, seed=0)
    rows = np.concatenate([np.flatnonzero(ten.outcomes == outcome)[:5] for outcome in (0, 1)])
    few = replace(
        ten,
        table=ten.table.take(rows),
        matrix=np.asfortranarray(ten.matrix[rows]),
        outcomes=ten.outcomes[rows],
        values={name: column[rows] for name, column in ten.values.items()},
    )
    trained = train(few, options=Options(Budget(0), [LOGISTIC, CATBOOST]))
    assert trained.scorer.evidence["warnings"][0].startswith("10 rows prove nothing")
