from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.decision_log.entries import Part
from service.decision_log.erasure import Wish, erase
from service.decision_log.scribe import writing
from service.scoring.scorer import Scorer
from tests.service.decision_log.segment_logs import keep, make
from tests.training.monitoring.monitored import DAY, NOW, append, cases, decide, decision, refuse, store_in
from training.monitoring.observed import joined, observe, scored_by
from training.monitoring.windows import Window
from training.use_cases import use_cases

WEEK = Window(NOW - 7 * DAY, NOW)
CASE = "credit_risk"


@pytest.fixture
def scorer(quick_scorer: Callable[..., Scorer]) -> Scorer:
    """A quickly trained model."""
    return quick_scorer(CASE)


@pytest.mark.parametrize("use_case", sorted(use_cases()))
def test_what_is_observed_scores_again_to_the_logged_bits(
    tmp_path: Path, quick_scorer: Callable[..., Scorer], use_case: str
) -> None:
    scorer, store = quick_scorer(use_case), store_in(tmp_path)
    decide(store, scorer, cases(use_case, 60), (6, 1))
    keep(
        store.address,
        tmp_path,
        make(tmp_path, table=_table(use_case, 40), scorer=scorer, block=16),
        at=NOW - DAY,
    )
    found = observe(store, scorer, WEEK)
    assert (found.rows, found.unreadable, found.erased) == (100, 0, 0)
    assert scorer.score_matrix(found.matrix).tobytes() == found.probabilities.tobytes()
    assert found.matrix.shape == (100, len(scorer.contract.inputs))
    assert found.decisions.tolist() == scorer.policy.decide_all(found.probabilities).tolist()


def test_decisions_stand_in_the_order_of_time_with_their_ids(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    keep(store.address, tmp_path, make(tmp_path, table=_table(CASE, 20), scorer=scorer), at=NOW - 4 * DAY)
    late = decide(store, scorer, cases(CASE, 5), (2, 1))
    early = decide(store, scorer, cases(CASE, 5, seed=2), (6, 5))
    found = observe(store, scorer, WEEK)
    assert (np.diff(found.at) >= 0).all()
    assert list(found.about[:5]) == early
    assert list(found.about[-5:]) == late
    assert scorer.score_matrix(found.matrix).tobytes() == found.probabilities.tobytes()


def test_an_empty_window_is_observed_as_empty(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 3), (20, 19))
    found = observe(store, scorer, WEEK)
    assert (found.rows, found.received) == (0, 0)
    assert found.matrix.shape == (0, len(scorer.contract.inputs))
    assert scored_by(found, scorer).shape == (0,)


def test_erased_records_are_counted_and_left_out(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    made = decide(store, scorer, cases(CASE, 10), (6, 1))
    with writing(store.address, "tests", NOW) as scribe:
        scribe.write(erase(Wish(made[:4], (Part.INPUTS,), "asked for", "m.rojas", NOW)))
    found = observe(store, scorer, WEEK)
    assert (found.rows, found.erased, found.received) == (6, 4, 10)
    assert list(found.about) == made[4:]


def test_a_log_whose_records_are_all_erased_has_nothing_to_look_at(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    made = decide(store, scorer, cases(CASE, 4), (6, 1))
    with writing(store.address, "tests", NOW) as scribe:
        scribe.write(erase(Wish(made, (Part.INPUTS,), "asked for", "m.rojas", NOW)))
    found = observe(store, scorer, WEEK)
    assert (found.rows, found.erased) == (0, 4)


def test_refusals_are_counted_by_field_and_code(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 6), (6, 1))
    refuse(store, scorer, [("person_age", "range"), ("loan_intent", "level")], 3, day=2)
    refuse(store, scorer, [("(unknown)", "unknown"), ("(unknown)", "unknown")], 2, day=2)
    refuse(store, scorer, [("person_age", "range")], 5, day=8)
    found = observe(store, scorer, WEEK)
    assert found.refused.records == 5
    assert found.refused.fields == {
        ("person_age", "range"): 3,
        ("loan_intent", "level"): 3,
        ("(unknown)", "unknown"): 2,
    }
    assert found.received == 11


def test_rows_that_batch_runs_set_aside_are_counted(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    rows = cases(CASE, 30)
    wrong = [{**row, "person_age": 7_000} if number < 4 else row for number, row in enumerate(rows)]
    made = make(tmp_path, table=pa.Table.from_pylist(wrong), scorer=scorer)
    keep(store.address, tmp_path, made, at=NOW - DAY)
    found = observe(store, scorer, WEEK)
    assert (found.rows, found.refused.quarantined, found.received) == (26, 4, 30)


def test_records_that_the_contract_refuses_today_are_counted_and_left_out(
    tmp_path: Path, scorer: Scorer
) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 6), (6, 1))
    strange = decision(scorer, cases(CASE, 1)[0], NOW - DAY)
    inputs = {**(strange.record.inputs or {}), "person_income": -5}
    append(store, [replace(strange, record=replace(strange.record, inputs=inputs))])
    found = observe(store, scorer, WEEK)
    assert (found.rows, found.unreadable) == (6, 1)


def test_decisions_of_another_model_are_scored_by_the_one_that_looks(
    tmp_path: Path, quick_scorer: Callable[..., Scorer], scorer: Scorer
) -> None:
    store, other = store_in(tmp_path), quick_scorer(CASE, "logistic_regression")
    decide(store, other, cases(CASE, 8), (6, 4))
    decide(store, scorer, cases(CASE, 8, seed=3), (3, 1))
    found = observe(store, scorer, WEEK)
    assert found.by_model() == {other.tag: 8, scorer.tag: 8}
    assert scored_by(found, scorer).tobytes() == scorer.score_matrix(found.matrix).tobytes()
    assert scored_by(found, other).tobytes() == other.score_matrix(found.matrix).tobytes()


def test_two_windows_joined_are_what_one_of_both_is(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 20), (6, 0))
    refuse(store, scorer, [("person_age", "range")], 2, day=5)
    refuse(store, scorer, [("person_age", "range")], 3, day=1)
    halves = [Window(NOW - 3 * DAY, NOW), Window(NOW - 7 * DAY, NOW - 3 * DAY)]
    both, whole = joined([observe(store, scorer, half) for half in halves]), observe(store, scorer, WEEK)
    assert list(both.about) == list(whole.about)
    assert both.matrix.tobytes("F") == whole.matrix.tobytes("F")
    assert (both.refused, both.received) == (whole.refused, whole.received)


def test_what_was_decided_since_a_moment_is_cut_off_without_a_copy(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    made = decide(store, scorer, cases(CASE, 10), (6, 1))
    whole = observe(store, scorer, WEEK)
    part = whole.since(int(whole.at[4]))
    assert list(part.about) == made[4:]
    assert np.shares_memory(part.matrix, whole.matrix)
    assert whole.since(0) is whole


def _table(use_case: str, rows: int) -> pa.Table:
    return pa.Table.from_pylist(cases(use_case, rows, seed=4))
