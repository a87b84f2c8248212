from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from training.comparison import FEWEST_ROWS, Comparison, compare_with_champion, rows_seen
from training.data import Cases, generate_cases
from training.gates import relative_gates
from training.losses import log_losses
from training.recipe import recipe_probabilities
from training.splits import plan_split
from training.train import Trained
from training.use_case import Requirements
from training.use_cases import use_cases


@pytest.fixture(scope="module")
def trained(quick: Callable[..., Trained]) -> Trained:
    return quick("loan_approval")


@pytest.fixture(scope="module")
def weaker(quick: Callable[..., Trained]) -> Trained:
    return quick("loan_approval", "decision_tree")


def compare(challenger: Trained, champion: Trained, seen: np.ndarray | None) -> Comparison:
    cases = challenger.cases
    return compare_with_champion(cases, plan_split(cases, 0), challenger.scorer, champion.scorer, seen)


def test_a_recipe_gives_again_what_the_training_saw_on_untouched_rows(trained: Trained) -> None:
    again = recipe_probabilities(trained.scorer, trained.cases, plan_split(trained.cases, 0))
    assert again.tobytes() == trained.procedure.judged.probabilities[0].tobytes()


def test_a_model_is_no_better_and_no_worse_than_itself(trained: Trained) -> None:
    found = compare(trained, trained, None)
    assert (found.cost_difference, found.log_loss_difference) == (0.0, 0.0)
    assert found.cost_interval == (0.0, 0.0)


def test_a_better_challenger_has_the_lower_loss_on_the_same_rows(trained: Trained, weaker: Trained) -> None:
    found = compare(trained, weaker, None)
    assert found.log_loss_interval[1] < 0
    assert found.rows == len(plan_split(trained.cases, 0).untouched)
    assert "recipe" in found.how


def test_a_champion_of_other_data_is_judged_by_its_bundle_on_rows_it_has_not_seen(
    trained: Trained, weaker: Trained
) -> None:
    seen = np.arange(0, trained.cases.rows, 2)
    found = compare(trained, weaker, seen)
    assert found.rows == len(np.setdiff1d(plan_split(trained.cases, 0).untouched, seen))
    assert "bundle" in found.how


def test_rows_seen_are_found_by_their_values_and_outcome(trained: Trained) -> None:
    later = generate_cases(use_cases()["loan_approval"], 500, seed=8)
    assert len(rows_seen(later, trained.cases)) == 0
    assert rows_seen(trained.cases, trained.cases).tolist() == list(range(trained.cases.rows))
    assert rows_seen(_first(trained.cases, 10), trained.cases).tolist() == list(range(10))


def test_rows_are_told_apart_by_the_columns_that_both_contracts_know(trained: Trained) -> None:
    contract = trained.cases.use_case.contract
    fewer = contract.model_copy(update={"columns": contract.columns[1:]})
    values = {column.name: trained.cases.values[column.name] for column in fewer.columns}
    narrow = replace(trained.cases, values=values, use_case=replace(trained.cases.use_case, contract=fewer))
    assert rows_seen(narrow, trained.cases).tolist() == list(range(trained.cases.rows))


def test_rows_count_as_in_the_population(trained: Trained, weaker: Trained) -> None:
    cases = trained.cases
    rare = replace(cases, use_case=replace(cases.use_case, population_bad_rate=0.02))
    plan = plan_split(cases, 0)
    found = compare_with_champion(rare, plan, trained.scorer, weaker.scorer, None)
    outcomes = cases.outcomes[plan.untouched]
    ours, theirs = (recipe_probabilities(item.scorer, cases, plan) for item in (trained, weaker))
    loss = log_losses(outcomes, ours) - log_losses(outcomes, theirs)
    expected = 0.02 * loss[outcomes == 1].mean() + 0.98 * loss[outcomes == 0].mean()
    assert found.log_loss_difference == pytest.approx(expected)
    assert found.cost_difference != compare(trained, weaker, None).cost_difference


def test_a_champion_that_has_seen_nearly_all_rows_is_judged_by_its_recipe(
    trained: Trained, weaker: Trained
) -> None:
    untouched = plan_split(trained.cases, 0).untouched
    assert "recipe" in compare(trained, weaker, untouched[FEWEST_ROWS - 1 :]).how
    assert "bundle" in compare(trained, weaker, untouched[FEWEST_ROWS:]).how


def test_a_difference_that_is_no_number_is_no_pass() -> None:
    nan = float("nan")
    figures = {"cost_difference": nan, "cost_interval": [nan, nan]}
    figures |= {"log_loss_difference": 0.0, "log_loss_interval": [nan, nan]}
    gates = relative_gates(Requirements(), {**figures, "champion": "a:1", "rows": 1, "how": ""}, 1.0, "a:1")
    assert [gate.status for gate in gates[:2]] == ["fail", "fail"]


def _first(cases: Cases, rows: int) -> Cases:
    values = {name: column[:rows] for name, column in cases.values.items()}
    return replace(cases, values=values, outcomes=cases.outcomes[:rows])
