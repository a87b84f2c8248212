from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from service.scoring.policy import DECISIONS
from service.scoring.scorer import Scorer
from tests.conftest import quick_training
from tests.service.decision_log.segment_logs import keep, make
from tests.service.decision_log.written_log import verified
from tests.service.records import records
from tests.training.log_commands import aval, use_log

CASE = "credit_risk"
ONE = "0123456789abcdef"
AT = "2026-11-20T10:00:00Z"
ROWS = 600


@pytest.fixture
def scorer() -> Scorer:
    """The model that decided."""
    return quick_training(CASE).scorer


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorer: Scorer) -> str:
    """The address of a log of one segment."""
    found = use_log(monkeypatch, tmp_path)
    table = pa.Table.from_pylist(records(CASE, ROWS))
    keep(found, tmp_path, make(tmp_path, ONE, table, scorer=scorer, block=250))
    return found


def test_outcomes_of_batch_decisions_come_from_a_file(url: str, tmp_path: Path, scorer: Scorer) -> None:
    outcome = scorer.contract.outcome
    rows = [{"decision_id": f"{ONE}-{row}", outcome.name: outcome.bad[0]} for row in range(1, ROWS + 3)]
    file = _lines(tmp_path / "o.jsonl", [{**row, "observed_at": AT} for row in rows])
    body = aval("outcomes", CASE, file, "--json").body
    assert (body["recorded"], body["quarantined"]) == (ROWS, 2)
    assert aval("outcomes", CASE, file, "--json").body["unchanged"] == ROWS
    assert verified(url).holds


def test_reviews_of_batch_decisions_come_from_a_file(url: str, tmp_path: Path, scorer: Scorer) -> None:
    told = {"decision": "approve", "reviewer": "m.rojas", "why": "Called the customer.", "reviewed_at": AT}
    rows = [{"decision_id": f"{ONE}-{row}", **told} for row in range(1, 101)]
    scored = scorer.score_table(pa.Table.from_pylist(records(CASE, ROWS)[:100]))
    referred = sum(DECISIONS[code] == "refer" for code in scored.decisions)
    assert referred
    body = aval("reviews", CASE, _lines(tmp_path / "r.jsonl", rows), "--json").body
    assert (body["recorded"], body["quarantined"]) == (referred, 100 - referred)


def _lines(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_outcomes_find_batch_decisions_by_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fraud = quick_training("fraud_transactions").scorer
    url = use_log(monkeypatch, tmp_path)
    table = pa.Table.from_pylist(records("fraud_transactions", 40))
    keep(url, tmp_path, make(tmp_path, ONE, table, scorer=fraud))
    names = fraud.contract.id_names
    rows = [{name: row[name] for name in names} for row in records("fraud_transactions", 40)]
    told = [
        {**row, fraud.contract.outcome.name: fraud.contract.outcome.bad[0], "observed_at": AT} for row in rows
    ]
    body = aval("outcomes", "fraud_transactions", _lines(tmp_path / "o.jsonl", told), "--json").body
    assert (body["recorded"], body["quarantined"]) == (40, 0)
