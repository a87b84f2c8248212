from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from service.scoring.scorer import Scorer
from tests.training.registries import STRICT, USE_CASE
from tests.training.retrain.stories import use_case
from training.data import generate_cases
from training.retrain import End
from training.retrain.compared import compare
from training.retrain.divided import LEAST_HELD_OUT
from training.retrain.judging import Judgement, judge_challenger
from training.retrain.rule import LEVEL
from training.retrain.telling import judged_in_words
from training.train import Trained


@pytest.fixture(scope="module")
def scorer(quick: Callable[..., Trained]) -> Scorer:
    return quick(USE_CASE).scorer


def test_it_is_models_that_are_compared_and_not_the_policies_that_they_come_with(scorer: Scorer) -> None:
    held_out = generate_cases(use_case(), 400, 31)
    found = compare(replace(scorer, policy=STRICT), scorer, held_out, LEVEL)
    assert found is not None
    assert found.comparison.cost_difference == 0, "the same model costs the same, whatever policy it brings"


def test_too_few_cases_that_the_champion_can_score_promote_nobody(scorer: Scorer) -> None:
    few = generate_cases(use_case(), LEAST_HELD_OUT - 1, 31)
    assert compare(scorer, scorer, few, LEVEL) is None
    judgement = judge_challenger(scorer, scorer, few, LEVEL)
    assert judgement.end is End.REFUSED
    assert "the champion can score 99 of 99 judging cases" in judged_in_words(judgement)
    assert "at least 100 with 10 of each outcome are needed" in judged_in_words(judgement)


def test_too_few_of_an_outcome_promote_nobody(scorer: Scorer) -> None:
    cases = generate_cases(use_case(), 400, 31)
    outcomes = cases.outcomes.copy()
    outcomes[outcomes.nonzero()[0][9:]] = 0
    assert compare(scorer, scorer, replace(cases, outcomes=outcomes), LEVEL) is None


def test_no_gate_makes_up_for_a_comparison_that_is_missing() -> None:
    assert Judgement(None, []).end is End.REFUSED


def test_a_challenger_that_changes_nothing_is_kept_out_and_that_can_be_written_down(scorer: Scorer) -> None:
    judgement = judge_challenger(scorer, scorer, generate_cases(use_case(), 400, 31), LEVEL)
    assert judgement.end is End.KEPT
    assert json.dumps(judgement.to_json()["verdict"])
