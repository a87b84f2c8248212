from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from service.model_store import load_scorer
from service.scoring.scorer import Scorer
from tests.processes import Home
from tests.service.decision_log.segment_logs import keep, make
from tests.service.decision_log.written_log import BEGIN
from tests.service.records import records
from tests.service.replayed_log import logged
from tests.training.log_commands import aval, use_log

CASE = "credit_risk"
ONE, TWO = "0123456789abcdef", "fedcba9876543210"
ONLINE, BATCH = 10, 30


@pytest.fixture
def scorer(quick_home: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch) -> Scorer:
    """The champion that made the decisions."""
    home = quick_home(CASE).bentoml_home
    monkeypatch.setenv("BENTOML_HOME", str(home))
    return load_scorer(CASE, home)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorer: Scorer) -> str:
    """The address of a log of ten decisions online, then of two segments of thirty, the second one with reasons."""
    found = use_log(monkeypatch, tmp_path)
    logged(found, [scorer], records(CASE)[:ONLINE])
    table = pa.Table.from_pylist(records(CASE)[:BATCH])
    made = [make(tmp_path, name, table, scorer=scorer, reasons=name == TWO) for name in (ONE, TWO)]
    keep(found, tmp_path, *made, at=BEGIN + 50)
    return found


def test_replay_counts_batch_decisions_with_the_others(url: str) -> None:
    done = aval("replay")
    assert (done.code, done.out) == (
        0,
        "70 decisions: 70 the same bit for bit, 0 different, 0 erased, 0 without their model or policy\n",
    )


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--about", f"{ONE}-7"), 1),
        (("--decision", f"{TWO}-7"), 1),
        (("--until", "2026-11-20T08:00:00.000020Z"), ONLINE),
        (("--since", "2026-11-20T08:00:00.000020Z"), 2 * BATCH),
        ((CASE,), ONLINE + 2 * BATCH),
        (("german_credit",), 0),
        (("--about", f"{ONE}-31"), 0),
        (("--about", "nobody"), 0),
    ],
)
def test_replay_of_some(url: str, options: tuple[str, ...], count: int) -> None:
    done = aval("replay", *options, "--json")
    assert (done.code, done.body["same"]) == (0 if count else 3, count)


def test_replay_says_which_file_is_gone(url: str, tmp_path: Path) -> None:
    (file,) = (tmp_path / "segments").rglob(f"{ONE}-*")
    file.unlink()
    done = aval("replay")
    assert done.code == 0
    assert (
        f"not replayed, 30 decisions: credit_risk/{file.name}, the file of segment {ONE}, is not" in done.out
    )


def test_replay_with_another_policy_includes_batch_decisions(
    url: str, scorer: Scorer, tmp_path: Path
) -> None:
    body = aval("replay", CASE, "--policy", scorer.policy.version, "--json").body
    assert (body["decisions"], body["changed"]) == (ONLINE + 2 * BATCH, 0)


def test_replay_gives_reasons_to_batch_decisions_that_have_none(
    url: str, scorer: Scorer, tmp_path: Path
) -> None:
    file = tmp_path / "reasons.csv"
    done = aval("replay", CASE, "--reasons", "-o", file, "--json")
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert done.code == 0
    assert (done.body["decisions"], done.body["had"], done.body["given"]) == (2 * BATCH, BATCH, len(rows))
    assert done.body["approved"] == BATCH - len(rows)
    for row in rows:
        scored = scorer.score(records(CASE)[int(row["decision_id"].partition("-")[2]) - 1])
        assert row["reasons"] == ";".join(item.code for item in scored.reasons)
        assert float(row["probability"]) == scored.probability


def test_replay_prints_the_reasons_of_one_batch_decision(url: str, scorer: Scorer) -> None:
    scored = [scorer.score(row) for row in records(CASE)[:BATCH]]
    place = next(place for place, item in enumerate(scored) if item.reasons)
    done = aval("replay", "--reasons", "--decision", f"{ONE}-{place + 1}")
    (line,) = done.out.splitlines()
    body = json.loads(line)
    assert [item["code"] for item in body["reasons"]] == [item.code for item in scored[place].reasons]
    assert all(item["text"] for item in body["reasons"])
    assert done.said.startswith("1 batch decisions: 1 given reasons, 0 made with them, 0 approved")


def test_replay_of_reasons_that_cannot_be_given_ends_with_1(url: str, tmp_path: Path) -> None:
    for file in (tmp_path / "segments").rglob(f"{ONE}-*"):
        file.unlink()
    done = aval("replay", "--reasons", "--output", tmp_path / "reasons.jsonl")
    assert done.code == 1
    assert done.out.startswith("not explained, 30 decisions: ")
    assert (tmp_path / "reasons.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--reasons", "--about", "nobody"), 3, "0 batch decisions: 0 given reasons"),
        (("--reasons", "--json"), 2, "--json prints the counts alone: with --reasons, name a file"),
        ((CASE, "--reasons", "--policy", "p-0"), 2, "--policy p-0 asks for no reasons"),
    ],
)
def test_reasons_of_nothing_and_wrong_options(
    url: str, options: tuple[str, ...], code: int, message: str
) -> None:
    done = aval("replay", *options)
    assert done.code == code
    assert done.said.startswith(message)
