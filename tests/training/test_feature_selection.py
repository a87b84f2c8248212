from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors import predictor_from_files
from tests.quickly import only
from training.candidates import FOR_FEW, Candidate
from training.data import Cases, generate_cases
from training.feature_selection import Selection, on_inputs, select_inputs, widened
from training.splits import make_folds
from training.train import train
from training.use_cases import use_cases

GERMAN = use_cases()["german_credit"]
KEPT = ("Job", "Checking account", "Credit amount", "Duration", "instalment")
SMALL: dict[str, dict[str, int]] = {
    "catboost_smooth": {"iterations": 200},
    "mlp": {"epochs": 2},
    "random_forest": {"n_estimators": 10},
    "catboost_fine": {"iterations": 20},
}


@pytest.fixture(scope="module")
def cases() -> Cases:
    return generate_cases(GERMAN, 700, seed=1)


def with_nulls(matrix: FloatArray) -> FloatArray:
    holed = matrix.copy()
    holed[np.random.default_rng(0).random(matrix.shape) < 0.2] = np.nan
    return holed


SERVABLE = [item.with_parameters(SMALL.get(item.name, {})) for item in FOR_FEW if item.servable]


@pytest.mark.parametrize("candidate", SERVABLE, ids=lambda candidate: str(candidate.name))
def test_a_widened_predictor_scores_as_the_narrow_one_does_bit_for_bit(
    candidate: Candidate, cases: Cases
) -> None:
    positions = [GERMAN.contract.inputs.index(name) for name in KEPT]
    own = [cases.levels[position] for position in positions]
    narrow = candidate.predictor(cases.matrix[:, positions], cases.outcomes, own, 3)
    wide = widened(narrow, positions, cases.levels)
    whole = with_nulls(cases.matrix)
    scores = narrow.score_many(whole[:, positions])
    assert len(np.unique(scores)) > 10
    assert wide.score_many(whole).tobytes() == scores.tobytes()
    assert [wide.score_one(row.tolist()) for row in whole[:40]] == scores[:40].tolist()
    read = predictor_from_files(wide.to_files(), cases.levels)
    assert read.score_many(whole).tobytes() == scores.tobytes()


@pytest.mark.parametrize("candidate", FOR_FEW, ids=lambda candidate: str(candidate.name))
def test_a_candidate_on_some_inputs_takes_whole_records_and_does_not_look_at_the_others(
    candidate: Candidate, cases: Cases
) -> None:
    narrow = on_inputs(candidate.with_parameters(SMALL.get(candidate.name, {})), KEPT, GERMAN.contract.inputs)
    assert narrow.name == f"{candidate.name}, 5 of 10 inputs"
    assert (narrow.serving_class, narrow.servable) == (candidate.serving_class, candidate.servable)
    scorer = narrow.fitted(cases.matrix, cases.outcomes, cases.levels, 3)
    changed = cases.matrix.copy()
    for position, name in enumerate(GERMAN.contract.inputs):
        if name not in KEPT:
            changed[:, position] = np.nan
    assert scorer.score_many(changed).tobytes() == scorer.score_many(cases.matrix).tobytes()


def test_a_selection_is_a_candidate_like_others_and_its_bundle_gives_no_reason_that_it_left_out(
    cases: Cases,
) -> None:
    narrow = on_inputs(SERVABLE[1], ("Duration", "Checking account"), GERMAN.contract.inputs)
    trained = train(cases, options=only(narrow))
    frame = GERMAN.sample(1, seed=9).drop(columns="Risk")
    record = {str(name): value for name, value in frame.to_dict("records")[0].items()}
    contributions = trained.scorer.contributions(record)
    assert {name for name, value in contributions.items() if value} <= {"Duration", "Checking account"}


def test_a_predictor_that_nobody_can_widen_is_refused_by_its_kind() -> None:
    class Oracle:
        kind = "oracle"

    with pytest.raises(TypeError) as caught:
        widened(Oracle(), [0], [0, 0])  # type: ignore[arg-type]  # no predictor at all
    assert str(caught.value) == (
        "a predictor of kind 'oracle' cannot be fitted on a part of the inputs; "
        "these can: linear, network, symmetric_trees, trees"
    )


def test_inputs_that_are_not_there_and_no_inputs_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="'Shoe size' is not one of: Job, Housing"):
        on_inputs(SERVABLE[0], ["Shoe size"], GERMAN.contract.inputs)
    with pytest.raises(ValueError, match="logistic_regression needs at least one input"):
        on_inputs(SERVABLE[0], [], GERMAN.contract.inputs)


@pytest.fixture(scope="module")
def telling() -> Cases:
    """Cases whose outcome hangs on two numbers and a level; the other inputs are noise."""
    plain, rng = generate_cases(GERMAN, 2_400, seed=2), np.random.default_rng(0)
    matrix = rng.normal(size=plain.matrix.shape)
    for position, count in enumerate(plain.levels):
        matrix[:, position] = rng.integers(0, count, plain.rows) if count else matrix[:, position]
    amount, duration, checking = (
        matrix[:, name_at(name)] for name in ("Credit amount", "Duration", "Checking account")
    )
    log_odds = -1 + 1.5 * amount * (duration > 0) + 1.2 * duration + 1.5 * (checking == 0)
    outcomes = (rng.random(plain.rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    return replace(plain, matrix=matrix, outcomes=outcomes)


def name_at(name: str) -> int:
    return GERMAN.contract.inputs.index(name)


@pytest.fixture(scope="module")
def selection(telling: Cases) -> Selection:
    return select_inputs(telling, make_folds(telling, np.arange(telling.rows), 0)[:3], seed=0)


def test_what_the_outcome_hangs_on_is_kept_and_steadily_useful(selection: Selection) -> None:
    by_name = {item["input"]: item for item in selection.table}
    for name in ("Credit amount", "Duration", "Checking account"):
        assert by_name[name]["kept"]
        assert by_name[name]["frequency"] >= 0.9
    assert list(selection.kept) == [name for name in GERMAN.contract.inputs if by_name[name]["kept"]]


def test_noise_is_seldom_useful_and_costs_nothing_to_leave_out(selection: Selection) -> None:
    left_out = [item for item in selection.table if not item["kept"]]
    assert len(left_out) >= 6
    for item in left_out:
        assert item["frequency"] < 0.6
        low, high = item["interval"]
        assert low <= item["drop_loss"] <= high
        assert low <= 0


def test_an_unsteady_input_that_costs_something_to_leave_out_is_kept(
    telling: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing counts as steady, so that every input has to show what it is worth.
    monkeypatch.setattr("training.feature_selection.STEADY", 1.1)
    selection = select_inputs(telling, make_folds(telling, np.arange(telling.rows), 0)[:3], seed=0)
    assert set(selection.kept) >= {"Credit amount", "Duration", "Checking account"}
    proven = [item for item in selection.table if item["interval"] and item["interval"][0] > 0]
    assert len(proven) >= 2
    assert all(item["kept"] for item in proven)


def test_a_selection_repeats_and_is_json(telling: Cases, selection: Selection) -> None:
    again = select_inputs(telling, make_folds(telling, np.arange(telling.rows), 0)[:3], seed=0)
    assert json.dumps(again.to_json(), allow_nan=False) == json.dumps(selection.to_json())


def test_rows_that_no_fold_has_are_not_looked_at(telling: Cases) -> None:
    rows = np.arange(1_200, dtype=np.intp)
    folds = make_folds(telling, rows, 0)
    unseen, outcomes, matrix = (
        np.arange(telling.rows) >= 1_200,
        telling.outcomes.copy(),
        telling.matrix.copy(),
    )
    outcomes[unseen], matrix[unseen] = 0, np.nan
    blind = replace(telling, outcomes=outcomes, matrix=matrix)
    assert select_inputs(telling, folds[:2], 0).table == select_inputs(blind, folds[:2], 0).table


def test_one_input_stays_where_none_tells_anything(telling: Cases) -> None:
    rng = np.random.default_rng(1)
    noise = replace(telling, outcomes=rng.integers(0, 2, telling.rows).astype(np.int8))
    assert len(select_inputs(noise, make_folds(noise, np.arange(noise.rows), 0)[:2], seed=0).kept) >= 1
