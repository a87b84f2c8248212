from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from service.decision_log.segments.store import SegmentStore
from service.places import place_of
from service.scoring.scorer import Scorer
from tests.postgres import Postgres
from tests.service.decision_log.segment_logs import keep, make
from tests.training.monitoring.monitored import DAY, NOW, cases, decide, refuse, store_in, tell
from training.monitoring.drift import Status
from training.monitoring.look import look, see
from training.monitoring.report import DriftReport
from training.monitoring.windows import Window, Windows
from training.use_case import Monitoring, UseCase
from training.use_cases import use_cases

CASE = "credit_risk"
WINDOWS = Windows(Window(NOW - 7 * DAY, NOW), Window(NOW - 97 * DAY, NOW - 7 * DAY))


@pytest.fixture
def scorer(quick_scorer: Callable[..., Scorer]) -> Scorer:
    """A quickly trained model."""
    return quick_scorer(CASE)


def use_case(**monitoring: Any) -> UseCase:
    """The use case, watched otherwise."""
    return replace(use_cases()[CASE], monitoring=Monitoring(**monitoring))


def looked(store: SegmentStore, scorer: Scorer, case: UseCase | None = None) -> DriftReport:
    """The report of a look at the end of the week."""
    chosen = case or use_cases()[CASE]
    return look(store, see(store, scorer, WINDOWS, chosen.monitoring.least_records), scorer, chosen, NOW)


def test_online_and_batch_decisions_are_looked_at_together(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 300, seed=1), (90, 8))
    decide(store, scorer, cases(CASE, 80, seed=2), (6, 1))
    table = pa.Table.from_pylist(cases(CASE, 60, seed=3))
    keep(store.address, tmp_path, make(tmp_path, table=table, scorer=scorer), at=NOW - DAY)
    report = looked(store, scorer)
    assert report.analysis["records"] == 140
    assert report.status == "ok"


def test_a_log_in_postgresql_is_looked_at_alike(tmp_path: Path, postgres: Postgres, scorer: Scorer) -> None:
    at = store_in(tmp_path), SegmentStore(postgres.new_url(), place_of(str(tmp_path / "segments")))
    bodies = []
    for store in at:
        decide(store, scorer, cases(CASE, 200, seed=1), (90, 8))
        decide(store, scorer, cases(CASE, 130, seed=2), (6, 1))
        refuse(store, scorer, [("loan_intent", "level")], 3, day=2)
        bodies.append(looked(store, scorer).to_json())
    assert bodies[0] == bodies[1]
    assert bodies[0]["refusals"]["refused"] == 3


def test_a_wrong_calibration_is_found_in_matured_outcomes_and_advises_to_recalibrate(
    tmp_path: Path, scorer: Scorer
) -> None:
    store = store_in(tmp_path)
    made = decide(store, scorer, cases(CASE, 3_000, seed=1), (90, 8))
    decide(store, scorer, cases(CASE, 300, seed=2), (6.9, 0))
    probabilities = scorer.score_table(pa.Table.from_pylist(cases(CASE, 3_000, seed=1))).probabilities
    odds = probabilities / (1 - probabilities) * np.exp(1.2)
    bad = np.random.default_rng(1).random(len(made)) < odds / (1 + odds)
    tell(store, scorer, made, bad.tolist(), day=1)
    report = looked(store, scorer, use_case(maturity_days=7))
    assert "calibration" in {item.key for item in report.findings}
    assert report.advice["action"] == "recalibrate", report.advice
    assert report.performance["mature"]["rows"] > 500
    assert "calibration" not in report.unjudged


def test_without_outcomes_performance_is_no_finding_and_no_all_clear(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 300, seed=1), (90, 8))
    decide(store, scorer, cases(CASE, 130, seed=2), (6.9, 0))
    report = looked(store, scorer)
    assert report.findings == ()
    assert {"calibration", "ranking"} <= set(report.unjudged)


def test_with_too_few_records_nothing_is_compared_and_nothing_is_well(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 300, seed=1), (90, 8))
    decide(store, scorer, cases(CASE, 40, seed=2), (6.9, 0))
    report = looked(store, scorer)
    assert (report.status, report.needed, report.drift) == ("not enough", 120, None)
    assert {"drift", "score_psi", "prior", "domain", "refused"} <= set(report.unjudged)


def test_a_use_case_says_how_many_records_are_needed(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 40, seed=2), (6.9, 0))
    assert looked(store, scorer, use_case(least_records=40)).enough
    assert not looked(store, scorer, use_case(least_records=41)).enough


def test_a_new_champion_is_no_drift(
    tmp_path: Path, quick_scorer: Callable[..., Scorer], scorer: Scorer
) -> None:
    store, before = store_in(tmp_path), quick_scorer(CASE, "logistic_regression")
    decide(store, before, cases(CASE, 1_500, seed=1), (90, 8))
    decide(store, scorer, cases(CASE, 500, seed=2), (6.9, 0))
    report = looked(store, scorer)
    assert report.drift is not None
    assert report.drift.score.status is Status.OK
    assert report.reference["window"]["by_model"] == {before.tag: 1_500}


def test_the_report_is_plain_json(tmp_path: Path, scorer: Scorer) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 150, seed=2), (6.9, 0))
    body = looked(store, scorer).to_json()
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert body["reference"]["source"] == "profile"


def test_earlier_decisions_are_read_once(
    tmp_path: Path, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(tmp_path)
    decide(store, scorer, cases(CASE, 300, seed=1), (300, 0))
    read: list[Window] = []

    def watched(store: SegmentStore, scorer: Scorer, window: Window) -> Any:
        read.append(window)
        return observe(store, scorer, window)

    from training.monitoring.observed import observe

    monkeypatch.setattr("training.monitoring.look.observe", watched)
    looked(store, scorer)
    ordered = sorted(read, key=lambda window: window.since)
    assert len(ordered) == 3
    assert all(one.until == other.since for one, other in pairwise(ordered))
