from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from service.decision_log import Kind
from service.decision_log.chain import Head
from service.decision_log.group import Group
from service.decision_log.orders import prepare
from service.decision_log.reading import Selection, entries, reading
from service.decision_log.spool import make_spool
from service.decision_log.store import WriterFacts
from tests.service.decision_log.written_log import BEGIN, alter, decision, remove, verified, write
from tests.training.log_commands import aval, use_log

BECAUSE = ("--because", "the customer asked for it", "--by", "m.rojas")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a log of five decisions, which the commands look at."""
    found = use_log(monkeypatch, tmp_path)
    write(found, map(decision, range(5)))
    return found


def test_verify_says_that_a_log_holds(url: str) -> None:
    done = aval("log", "verify")
    assert done.code == 0
    assert done.out.startswith(
        "the log holds: 5 entries of 1 writers, 10 parts of records as written, 0 erased, 0 anchors"
    )


def test_verify_names_what_was_altered_and_ends_with_1(url: str) -> None:
    alter(url, "entries", {"decision": "'approve'"}, "about = 'd3'")
    done = aval("log", "verify", "--json")
    assert done.code == 1
    (found,) = done.body["listed"]
    assert (found["seq"], found["about"]) == (4, "d3")
    assert "entry 4" in found["what"]
    assert "about d3: entry 4" in aval("log", "verify").out


def test_an_anchor_file_finds_a_tail_that_was_cut_off(url: str, tmp_path: Path) -> None:
    kept = tmp_path / "anchors.jsonl"
    assert aval("log", "anchor", "-o", kept).code == 0
    write(url, [decision(9)])
    aval("log", "anchor", "-o", kept)
    assert len(kept.read_text().splitlines()) == 3
    assert aval("log", "verify", "--anchor", kept, "--json").body["anchors"] == 2
    for table in ("records", "entries"):
        remove(url, table, "seq > 3")
    assert aval("log", "verify").code == 0
    done = aval("log", "verify", "--anchor", kept)
    assert done.code == 1
    assert "is missing: the chain ends at entry 3" in done.out


def test_anchors_go_to_standard_output_for_others_to_keep(url: str) -> None:
    body = json.loads(aval("log", "anchor").out)
    assert (body["seq"], len(body["hash"])) == (5, 64)


def test_a_log_without_entries_has_nothing_to_anchor(url: str) -> None:
    for table in ("records", "entries"):
        remove(url, table, "1 = 1")
    assert aval("log", "anchor").code == 3


def test_show_has_a_decision_with_its_record(url: str) -> None:
    body = aval("log", "show", "d2", "--json").body
    assert body["decision"]["inputs"] == {"income": 1002.5}
    assert body["decision"]["at"] == "2026-11-20T08:02:00Z"
    assert body["outcomes"] == body["reviews"] == body["others"] == []
    assert "decision: refer" in aval("log", "show", "d2").out


def test_show_of_an_unknown_id_is_wrong_use(url: str) -> None:
    done = aval("log", "show", "d99")
    assert (done.code, done.said) == (2, "the decision log has no entry about 'd99'")


@pytest.mark.parametrize("subject", ['{"customer": "c2"}', '{"customer": "c2", "case": "2"}', '{"case": 2}'])
def test_erase_finds_a_person_by_ids(url: str, subject: str) -> None:
    done = aval("log", "erase", "--subject", subject, *BECAUSE, "--json")
    assert done.code == 0
    assert done.body == {"ids": 1, "parts": 2, "kept_answers": 0, "wiped": True}
    assert aval("log", "show", "d2", "--json").body["decision"]["erased"] == ["inputs", "personal"]
    assert verified(url).holds


def test_erase_of_one_part_by_id(url: str) -> None:
    done = aval("log", "erase", "--about", "d1", "--about", "d2", "--part", "personal", *BECAUSE)
    assert (done.code, done.out) == (0, "2 parts of records about 2 ids erased; the log says so\n")
    assert verified(url).erased == 2


def test_a_second_erasure_has_nothing_to_do(url: str) -> None:
    command = ("log", "erase", "--subject", '{"customer": "c2"}', *BECAUSE)
    assert aval(*command).code == 0
    done = aval(*command)
    assert (done.code, done.out) == (3, "nothing to erase: no such id, or erased before\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "say whose records: --about ID, or --subject JSON"),
        (("--about", "d1", "--subject", "{}"), "say whose records: --about ID, or --subject JSON"),
        (("--subject", "c2"), "--subject 'c2' is not JSON"),
        (("--subject", "{}"), "--subject '{}' is not an object of ids"),
        (("--subject", '{"customer": null}'), "is not an object of ids"),
        (("--about", "d1", "--part", "name"), "--part name is not one of: inputs, personal, all"),
    ],
)
def test_an_erasure_of_nothing_in_particular_is_wrong_use(
    url: str, options: tuple[str, ...], message: str
) -> None:
    done = aval("log", "erase", *options, *BECAUSE)
    assert done.code == 2
    assert message in done.said
    assert verified(url).erased == 0


def test_retain_first_counts_and_then_erases(url: str) -> None:
    ages = ("--personal-days", "0", "--inputs-days", "36500")
    assert aval("log", "retain", *ages, "--dry-run").out == "0 inputs, 5 personal would be erased\n"
    assert verified(url).erased == 0
    assert aval("log", "retain", *ages, "--json").body == {
        "due": {"inputs": 0, "personal": 5},
        "erased": {"inputs": 0, "personal": 5},
        "dry_run": False,
        "wiped": True,
    }
    assert verified(url).holds
    done = aval("log", "retain", *ages)
    assert (done.code, done.out) == (3, "0 inputs, 0 personal erased\n")
    with reading(url) as connection:
        assert len(list(entries(connection, Selection((Kind.ERASURE,))))) == 1


def spool_in(folder: Path, monkeypatch: pytest.MonkeyPatch, groups: int) -> Path:
    """A writer's spool with so many groups."""
    monkeypatch.setenv("AVAL_SPOOL", str(folder))
    spool = make_spool(folder, WriterFacts("writer-1", BEGIN, "{}"))
    for number in range(groups):
        group = Group(Head("writer-1"))
        group.add([prepare(decision(number))])
        spool.append(group)
    spool.close(keep=True)
    return spool.path


@pytest.mark.parametrize(
    "command",
    [
        ("erase", "--about", "d1", *BECAUSE, "--json"),
        ("erase", "--about", "nobody", *BECAUSE),
        ("retain", "--personal-days", "0", "--dry-run"),
        ("retain", "--personal-days", "36500"),
    ],
)
def test_what_waits_in_spools_is_not_erased_and_that_is_said(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    aside = spool_in(tmp_path / "spool", monkeypatch, 2).with_suffix(".refused")
    (tmp_path / "spool" / "writer-1.spool").rename(aside)
    waiting = spool_in(tmp_path / "spool", monkeypatch, 1)
    said = aval("log", *command).said
    assert said.startswith("these files hold what is not in the log, and nothing was erased from them: ")
    assert f"{aside}, {waiting}; " in said


def test_a_spool_that_holds_nothing_is_not_spoken_of(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool_in(tmp_path / "spool", monkeypatch, 0)
    assert aval("log", "erase", "--about", "d1", *BECAUSE).said == ""


def test_a_folder_of_spools_that_cannot_be_looked_into_is_said(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").write_text("no folder")
    monkeypatch.setenv("AVAL_SPOOL", str(tmp_path / "spool"))
    assert f"{tmp_path / 'spool'}; " in aval("log", "erase", "--about", "d1", *BECAUSE).said


def test_a_log_that_somebody_else_writes_for_long_is_given_up_and_nothing_is_erased(
    url: str, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = aval("log", "erase", "--about", "d1", *BECAUSE)
    other.execute("ROLLBACK")
    other.close()
    assert done.code == 2
    assert "cannot be written: database is locked; see that it is there" in done.said
    assert verified(url).erased == 0


def test_retain_without_an_age_is_wrong_use(url: str) -> None:
    done = aval("log", "retain")
    assert (done.code, done.said[:35]) == (2, "say what is to be erased by age: --")


@pytest.mark.parametrize(
    "command", [("verify",), ("anchor",), ("show", "d1"), ("erase", "--about", "d1", *BECAUSE)]
)
def test_a_log_that_is_not_there_is_wrong_use_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    use_log(monkeypatch, tmp_path)
    done = aval("log", *command)
    assert done.code == 2
    assert done.said.startswith("there is no decision log at sqlite:///")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_is_switched_off_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVAL_DECISION_LOG", "off")
    assert aval("log", "verify").said == (
        "there is no decision log: AVAL_DECISION_LOG=off; set it to the log's address"
    )
