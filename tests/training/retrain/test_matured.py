from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.decision_log import Entry, Kind
from service.decision_log.scribe import writing
from service.decision_log.segments.store import SegmentStore
from service.online.answers import Asked as Question
from service.online.answers import scored_entry
from service.places import place_of
from service.scoring.scorer import Scorer
from tests.service.decision_log.written_log import appending
from tests.training.registries import USE_CASE
from tests.training.retrain.stories import DAY, MATURITY, NOW, told, use_case
from training.retrain.matured import HORIZON, Matured, matured_cases
from training.train import Trained

RECORD = {
    "income": 50_000.0,
    "age": 40,
    "employment_length": 5,
    "loan_amount": 9_000.0,
    "credit_score": 700.0,
}
OLD_ENOUGH = NOW - MATURITY * DAY


@pytest.fixture(scope="module")
def scorer(quick: Callable[..., Trained]) -> Scorer:
    return quick(USE_CASE).scorer


def decision(scorer: Scorer, name: str, at: int, **other: float) -> Entry:
    record = {**RECORD, **other}
    return scored_entry(
        scorer, Kind.DECISION, name, record, scorer.score(record), Question("r", "k", "en", at)
    )


def gathered(folder: Path, scorer: Scorer, *entries: Entry) -> Matured:
    url = f"sqlite:///{folder / 'log.db'}"
    with writing(url, "tests", OLD_ENOUGH - DAY) as scribe:
        scribe.write(appending(entries))
    return matured_cases(SegmentStore(url, place_of(str(folder / "segments"))), scorer, use_case(), NOW)


def test_a_decision_counts_once_it_is_old_enough_and_its_outcome_is_told(
    tmp_path: Path, scorer: Scorer
) -> None:
    old, young, untold = (
        decision(scorer, "old", OLD_ENOUGH, income=91_000.0),
        decision(scorer, "young", OLD_ENOUGH + 1, income=92_000.0),
        decision(scorer, "untold", OLD_ENOUGH - 14 * DAY, income=93_000.0),
    )
    found = gathered(
        tmp_path, scorer, old, young, untold, told(old, True, NOW - 1), told(young, False, NOW - 1)
    )
    assert found.table.column("income").to_pylist() == [91_000.0]
    assert (found.bad.tolist(), found.at.tolist()) == ([1], [OLD_ENOUGH])
    # In the contract's own coding, in which 0 is bad.
    assert found.table.column("target").to_pylist() == [0]


def test_a_week_of_which_the_bad_cases_alone_are_told_does_not_count_yet(
    tmp_path: Path, scorer: Scorer
) -> None:
    week = [decision(scorer, f"d{number}", OLD_ENOUGH - number) for number in range(10)]
    bad_ones = [told(entry, True, NOW - 1) for entry in week[:3]]
    assert gathered(tmp_path / "bad", scorer, *week, *bad_ones).rows == 0
    good_ones = [told(entry, False, NOW - 1) for entry in week[3:]]
    assert gathered(tmp_path / "all", scorer, *week, *bad_ones, *good_ones).rows == 10


def test_what_was_told_later_than_now_is_not_known(tmp_path: Path, scorer: Scorer) -> None:
    old = decision(scorer, "old", OLD_ENOUGH)
    assert gathered(tmp_path, scorer, old, told(old, True, NOW + 1)).rows == 0


def test_decisions_of_more_than_two_years_before_are_not_gathered(tmp_path: Path, scorer: Scorer) -> None:
    first = OLD_ENOUGH + 1 - HORIZON
    entries = [decision(scorer, f"d{at}", at, income=float(at - first + 5)) for at in (first - 1, first)]
    found = gathered(tmp_path, scorer, *entries, *(told(entry, False, NOW - 1) for entry in entries))
    assert found.at.tolist() == [first]


def test_cases_stand_in_the_order_in_which_they_were_decided(tmp_path: Path, scorer: Scorer) -> None:
    entries = [decision(scorer, f"d{day}", OLD_ENOUGH - day * DAY, income=float(day)) for day in (3, 1, 2)]
    found = gathered(tmp_path, scorer, *entries, *(told(entry, False, NOW - 1) for entry in entries))
    assert found.table.column("income").to_pylist() == [3.0, 2.0, 1.0]
    assert (np.diff(found.at) > 0).all()


def test_who_was_declined_and_then_picked_by_somebody_is_left_out_and_that_is_said(
    tmp_path: Path, scorer: Scorer
) -> None:
    poor = {"income": 5_000.0, "credit_score": 320.0, "loan_amount": 30_000.0}
    declined = [decision(scorer, f"no{n}", OLD_ENOUGH - n, age=20 + n, **poor) for n in range(20)]
    approved = [decision(scorer, f"yes{n}", OLD_ENOUGH - n, age=20 + n, income=90_000.0) for n in range(20)]
    assert {entry.decision for entry in declined} == {"decline"}
    picked = [*declined[:3], *approved]
    found = gathered(
        tmp_path, scorer, *declined, *approved, *(told(entry, False, NOW - 1) for entry in picked)
    )
    assert found.rows == 20
    assert "declined cases are left out" in found.population.text
