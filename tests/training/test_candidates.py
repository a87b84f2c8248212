from __future__ import annotations

import numpy as np
import pytest

from training.candidates import FOR_FEW, Candidate, candidates
from training.data import Cases, generate_cases
from training.quantiser import Quantiser
from training.use_cases import use_cases

CASES = {name: generate_cases(use_cases()[name], 1_200, seed=2) for name in ("credit_risk", "german_credit")}


@pytest.mark.parametrize("candidate", FOR_FEW, ids=lambda item: item.name)
@pytest.mark.parametrize("cases", CASES.values(), ids=CASES)
def test_every_candidate_hands_over_a_predictor_that_ranks_and_gives_one_row_the_bits_of_many(
    candidate: Candidate, cases: Cases
) -> None:
    from sklearn.metrics import roc_auc_score

    predictor = candidate.predictor(cases.matrix, cases.outcomes, cases.levels, seed=0)
    many = predictor.score_many(cases.matrix)
    assert [predictor.score_one(row) for row in cases.matrix[:200].tolist()] == many[:200].tolist()
    assert roc_auc_score(cases.outcomes, many) > 0.75


def test_lightgbm_scores_as_its_library_does() -> None:
    from lightgbm import LGBMClassifier

    cases, candidate = CASES["credit_risk"], named("lightgbm")
    binned = Quantiser(cases.matrix, cases.levels).transform(cases.matrix)
    model = LGBMClassifier(
        random_state=0, deterministic=True, force_row_wise=True, verbosity=-1, **candidate.parameters
    )
    theirs = model.fit(binned, cases.outcomes).booster_.predict(binned, raw_score=True)
    assert np.abs(ours(candidate, cases) - theirs).max() < 1e-9


def test_xgboost_scores_as_its_library_does_up_to_its_single_precision() -> None:
    from xgboost import XGBClassifier

    cases, candidate = CASES["credit_risk"], named("xgboost")
    binned = Quantiser(cases.matrix, cases.levels).transform(cases.matrix)
    model = XGBClassifier(random_state=0, tree_method="hist", **candidate.parameters)
    theirs = model.fit(binned, cases.outcomes).predict(binned, output_margin=True)
    assert np.abs(ours(candidate, cases) - theirs).max() < 1e-4


def test_catboost_scores_as_its_library_does() -> None:
    from catboost import CatBoostClassifier

    cases, candidate = CASES["credit_risk"], named("catboost_shallow")
    binned = Quantiser(cases.matrix, cases.levels).transform(cases.matrix)
    model = CatBoostClassifier(
        random_seed=0, verbose=False, allow_writing_files=False, **candidate.parameters
    )
    theirs = model.fit(binned, cases.outcomes).predict(binned, prediction_type="RawFormulaVal")
    assert np.abs(ours(candidate, cases) - theirs).max() < 1e-9


def test_random_forest_scores_as_its_library_does() -> None:
    from sklearn.ensemble import RandomForestClassifier

    cases, candidate = CASES["credit_risk"], named("random_forest")
    binned = Quantiser(cases.matrix, cases.levels).transform(cases.matrix)
    parameters = {**candidate.parameters, "max_samples": cases.rows}
    model = RandomForestClassifier(random_state=0, **parameters).fit(binned, cases.outcomes)
    theirs = model.predict_proba(binned)[:, 1]
    assert np.abs(1 / (1 + np.exp(-ours(candidate, cases))) - theirs).max() < 1e-8


def test_fewer_bad_cases_get_simpler_trees() -> None:
    assert candidates(499) == FOR_FEW
    assert candidates(500) != FOR_FEW


def named(name: str) -> Candidate:
    return next(item for item in FOR_FEW if item.name == name)


def ours(candidate: Candidate, cases: Cases) -> np.ndarray:
    return candidate.predictor(cases.matrix, cases.outcomes, cases.levels, seed=0).score_many(cases.matrix)
