"""A decision log in PostgreSQL is dumped, lost, restored elsewhere as the runbook says, and shown to be whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from service.model_store import load_scorer
from tests.infra.operations.runbook import blocks, typed
from tests.postgres import Postgres
from tests.processes import Home
from tests.service.decision_log.written_log import alter
from tests.service.records import records
from tests.service.replayed_log import logged, replayed
from tests.training.log_commands import aval

USE_CASE = "credit_risk"


@dataclass(frozen=True)
class Restored:
    """A log as it was restored, with anchors of before its dump and of after it."""

    url: str
    models: Path
    before: Path
    after: Path


@pytest.fixture(scope="module")
def restored(
    quick_home: Callable[[str], Home], postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Restored:
    folder, models = tmp_path_factory.mktemp("restore"), quick_home(USE_CASE).bentoml_home
    lost, url = postgres.url("lost_log"), postgres.url("restored_log")
    scorer = load_scorer(USE_CASE, models)
    logged(lost, [scorer], records(USE_CASE)[:30])
    _anchor(lost, folder / "before.jsonl")
    [block] = [item for item in blocks() if item.needs == "postgresql"]
    dump, restore = block.text.splitlines(keepends=True)
    known = {"LOG": lost, "RESTORED": url, "PATH": f"{postgres.programs}{os.pathsep}{os.environ['PATH']}"}
    typed(replace(block, text=dump), folder, known)
    logged(lost, [scorer], records(USE_CASE)[30:40])
    _anchor(lost, folder / "after.jsonl")
    postgres.run("DROP DATABASE lost_log WITH (FORCE)")
    typed(replace(block, text=restore), folder, known)
    return Restored(url, models, folder / "before.jsonl", folder / "after.jsonl")


@pytest.fixture(autouse=True)
def _at_the_restored_log(restored: Restored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVAL_DECISION_LOG", restored.url)
    monkeypatch.setenv("BENTOML_HOME", str(restored.models))
    # Of this log alone: files of another one would be findings.
    monkeypatch.setenv("AVAL_SEGMENTS", str(restored.before.parent / "segments"))


def test_nothing_up_to_the_anchors_of_before_the_dump_is_missing_or_altered(restored: Restored) -> None:
    done = aval("log", "verify", "--anchor", restored.before)
    assert done.code == 0, done.out
    assert "the log holds: 30 entries" in done.out
    assert "1 anchors" in done.out


def test_every_decision_comes_out_the_same_bit_for_bit(restored: Restored) -> None:
    assert replayed(restored.url, restored.models).same == 30


def test_an_anchor_of_after_the_dump_tells_what_was_lost(restored: Restored) -> None:
    done = aval("log", "verify", "--anchor", restored.after, "--json")
    assert done.code == 1
    [found] = done.body["listed"]
    assert found["what"] == "the writer was anchored and has no entry any more"


def test_what_is_decided_from_then_on_goes_into_the_restored_log(restored: Restored) -> None:
    [about] = logged(restored.url, [load_scorer(USE_CASE, restored.models)], records(USE_CASE)[40:41])
    assert aval("log", "show", about).code == 0
    assert aval("log", "verify", "--anchor", restored.before).code == 0


def test_a_dump_that_somebody_altered_is_found(restored: Restored) -> None:
    alter(restored.url, "entries", {"decision": "'approve'"}, "seq = 3")
    done = aval("log", "verify", "--anchor", restored.before, "--json")
    assert done.code == 1
    assert any("entry 3" in found["what"] for found in done.body["listed"])


def _anchor(url: str, file: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVAL_DECISION_LOG", url)
        assert aval("log", "anchor", "-o", file).code == 0
