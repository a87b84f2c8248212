from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.candidates import FOR_FEW
from training.data import Cases, generate_cases
from training.feature_selection import on_inputs
from training.out_of_fold import OutOfFold, score_out_of_fold
from training.protected import what_protected_would_add
from training.ranking import Order
from training.recipe import recipe_of
from training.splits import make_folds, plan_split
from training.use_cases import use_cases

GERMAN = use_cases()["german_credit"]
LOGISTIC = FOR_FEW[0]
KEPT = ("Checking account", "Duration")


@pytest.fixture(scope="module")
def cases() -> Cases:
    """Cases in which a protected attribute tells the outcome, as generated ones do not."""
    drawn = generate_cases(GERMAN, 900, seed=5)
    values = {**drawn.values, "Age": (40.0 + 10.0 * drawn.outcomes).astype(np.float64)}
    return replace(drawn, values=values)


def auc(out: OutOfFold) -> float:
    return Order(out.raw_scores[0]).ranking(out.outcomes, np.ones(len(out.rows))).roc_auc


def test_an_attribute_that_tells_the_outcome_would_add_what_it_tells(cases: Cases) -> None:
    plan = plan_split(cases, 0)
    out = score_out_of_fold(LOGISTIC, cases, make_folds(cases, plan.development, 0), 0)
    added = what_protected_would_add(out, recipe_of(LOGISTIC, None), plan, 0)
    assert added["Age"]["roc_auc"] == pytest.approx(1 - auc(out), abs=0.01)
    assert added["Age"]["interval"][1] < 0
    assert abs(added["Sex"]["roc_auc"]) < 0.02


def test_a_model_of_some_inputs_gets_the_attribute_beside_those_and_no_other(cases: Cases) -> None:
    plan, inputs = plan_split(cases, 0), GERMAN.contract.inputs
    folds = make_folds(cases, plan.development, 0)
    out = score_out_of_fold(on_inputs(LOGISTIC, KEPT, inputs), cases, folds, 0)
    # Sex tells nothing, so that all there is to see is whether another input slipped in with it.
    added = what_protected_would_add(out, recipe_of(LOGISTIC, KEPT), plan, 0)
    assert abs(added["Sex"]["roc_auc"]) < 0.02
    assert added["Age"]["roc_auc"] == pytest.approx(1 - auc(out), abs=0.01)
