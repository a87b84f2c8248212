from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from service.decision_log import Kind
from service.decision_log.address import read_address
from service.decision_log.entries import Part
from service.decision_log.erasure import RETENTION, Erased, Wish, answers_about, erase
from service.decision_log.reading import Selection, entries, reading
from service.decision_log.retention import Retained, Retention, due, retain
from service.decision_log.scribe import writing
from service.decision_log.tables import CLAIMS
from service.decision_log.traces import wipe
from tests.postgres import PASSWORD
from tests.service.decision_log.written_log import (
    BEGIN,
    MINUTE,
    alter,
    anchored,
    decision,
    record,
    remove,
    verified,
    write,
)

BOTH = (Part.INPUTS, Part.PERSONAL)


def test_an_erasure_takes_a_record_and_leaves_the_chain(url: str) -> None:
    write(url, map(decision, range(5)))
    anchors = anchored(url)
    assert _erase(url, ["d2"]) == Erased(abouts=1, parts=2)
    found = verified(url, anchors)
    assert found.holds, found.listed
    assert (found.parts, found.erased) == (8, 2)


def test_an_erasure_says_what_why_and_who_and_no_value(url: str) -> None:
    write(url, [decision(2)])
    _erase(url, ["d2"])
    (said,) = _entries(url, Selection((Kind.ERASURE,)))
    assert (said.row.about, said.row.use_case) == ("d2", "small_loans")
    assert said.details == {
        "parts": ["inputs", "personal"],
        "because": "the customer asked for it",
        "by": "m.rojas",
    }
    assert not {"c2", "1002.5", "1970-01-01"} & set(str(said.row).replace('"', " ").split())


@pytest.mark.parametrize(("part", "left"), [(Part.INPUTS, Part.PERSONAL), (Part.PERSONAL, Part.INPUTS)])
def test_each_part_is_erased_alone(url: str, part: Part, left: Part) -> None:
    write(url, [decision(2)])
    _erase(url, ["d2"], (part,))
    (found,) = _entries(url, Selection((Kind.DECISION,)))
    assert found.erased == (part,)
    assert {Part.INPUTS: found.inputs, Part.PERSONAL: found.personal}[left] is not None
    assert verified(url).holds


def test_an_erasure_done_before_does_nothing(url: str) -> None:
    write(url, [decision(2)])
    _erase(url, ["d2"])
    assert _erase(url, ["d2"]) == Erased()
    assert len(_entries(url, Selection((Kind.ERASURE,)))) == 1


def test_an_unknown_id_is_nothing_to_erase(url: str) -> None:
    write(url, [decision(2)])
    assert _erase(url, ["d3"]) == Erased()


def test_everything_about_an_id_is_erased_together(url: str) -> None:
    review = decision(2, kind=Kind.REVIEW, at=BEGIN + 9 * MINUTE)
    write(url, [decision(2), review])
    assert _erase(url, ["d2"]).parts == 4
    assert verified(url).holds


def test_kept_answers_that_name_an_erased_id_are_forgotten(url: str) -> None:
    write(url, map(decision, range(3)))
    answers = [b'{"results":[{"decision_id":"d1"},{"decision_id":"d2"}]}', b'{"decision_id": "d0"}']
    _keep(url, answers)
    with reading(url) as connection:
        found = answers_about(connection, ["d2", "d7"])
    assert found == [("core /predict", b"key-0")]
    assert _erase(url, ["d2"], answers=found) == Erased(abouts=1, parts=2, answers=1)
    with reading(url) as connection:
        assert connection.execute(CLAIMS.select()).one().answer == answers[1]


def test_what_was_erased_is_in_no_file_of_sqlite_any_more(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    secret = "Maria Rojas Quispe"
    write(url, [decision(0)])
    # As beside a service that runs: the last one to leave would tidy up.
    other = sqlite3.connect(tmp_path / "log.db")
    other.execute("SELECT * FROM entries").fetchall()
    # Long enough for pages of its own, and short enough to share them.
    for number, times in ((1, 1), (2, 2_000)):
        write(url, [decision(number, record=record({"income": 1.0}, {"customer": secret * times}))])
    write(url, map(decision, range(10, 200)))
    assert secret.encode() in (tmp_path / "log.db-wal").read_bytes()
    with writing(url, "tests", BEGIN) as scribe:
        scribe.write(erase(_wish(["d1", "d2"], BOTH)))
        assert wipe(scribe, url)
        assert [file.name for file in tmp_path.iterdir() if secret.encode() in file.read_bytes()] == []
    other.close()


def test_postgresql_vacuums_what_was_erased(postgres: Any) -> None:
    url = postgres.new_url()
    write(url, [decision(1)])
    with writing(url, "tests", BEGIN) as scribe:
        scribe.write(erase(_wish(["d1"], BOTH)))
        assert wipe(scribe, url)


def test_a_vacuum_that_postgresql_only_warns_of_is_not_said_to_be_done(postgres: Any) -> None:
    url = postgres.new_url()
    write(url, [decision(1)])
    role, schema = f"teller_{secrets.token_hex(4)}", url.partition("search_path%3D")[2]
    for statement in (
        f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'",
        # Such a warning must reach us all the same.
        f"ALTER ROLE {role} SET client_min_messages TO error",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    ):
        postgres.run(statement)
    theirs = url.replace("//aval:", f"//{role}:")
    with writing(theirs, "tests", BEGIN) as scribe:
        assert scribe.write(erase(_wish(["d1"], BOTH))).parts == 2
        assert not wipe(scribe, theirs)


def test_retention_erases_what_is_old_and_says_so_once(url: str) -> None:
    write(url, map(decision, range(10)))
    retention = Retention({Part.PERSONAL: BEGIN + 6 * MINUTE, Part.INPUTS: BEGIN + 2 * MINUTE}, "cron", BEGIN)
    done = _retain(url, retention)
    assert done == Retained({"inputs": 2, "personal": 6}, {"inputs": 2, "personal": 6})
    (said,) = _entries(url, Selection((Kind.ERASURE,)))
    assert said.details["due"] == {"inputs": 2, "personal": 6}
    assert said.details["before"] == {"personal": BEGIN + 6 * MINUTE, "inputs": BEGIN + 2 * MINUTE}
    found = verified(url)
    assert found.holds, found.listed
    assert found.erased == 8


def test_retention_accounts_for_nothing_younger_than_its_cut_off(url: str) -> None:
    write(url, map(decision, range(10)))
    _retain(url, Retention({Part.PERSONAL: BEGIN + 6 * MINUTE}, "cron", BEGIN))
    remove(url, "records", "part = 'personal' AND seq = 7")
    remove(url, "records", "part = 'inputs' AND seq = 1")
    assert {(item.about, item.what.split("'")[2]) for item in verified(url).listed} == {
        ("d6", "personal"),
        ("d0", "inputs"),
    }


@pytest.mark.parametrize("about", ["d2", RETENTION])
@pytest.mark.parametrize(
    "details",
    [
        '{"before": 5, "parts": "inputs personal"}',
        '{"before": {"inputs": "9", "personal": null}, "parts": 5}',
        '{"before": [["inputs", 9]], "parts": {"inputs": 1, "personal": 1}}',
        '{"before": {"inputs": true, "personal": 1e99}, "parts": null}',
        "[" * 100_000,
        "5",
    ],
    ids=range(6),
)
def test_an_erasure_entry_of_another_shape_accounts_for_nothing(url: str, about: str, details: str) -> None:
    write(url, [decision(2)])
    _erase(url, ["d2"])
    columns = {"details": f"'{details}'", "about": f"'{about}'"}
    alter(url, "entries", columns, "kind = 'erasure'")
    found = [item.what for item in verified(url).listed]
    assert [what for what in found if "no erasure says so" in what] == [
        f"its record's part '{part}' is missing, and no erasure says so" for part in ("inputs", "personal")
    ]


def test_an_erasure_accounts_for_nothing_written_after_it(url: str) -> None:
    write(url, [decision(2)])
    _erase(url, ["d2"])
    write(url, [decision(2, kind=Kind.REVIEW, at=BEGIN + 100 * MINUTE)])
    remove(url, "records", "1 = 1")
    assert [item.what for item in verified(url).listed] == [
        f"its record's part '{part}' is missing, and no erasure says so" for part in ("inputs", "personal")
    ]


def test_what_was_written_by_a_clock_ahead_of_the_erasures_is_accounted_for(url: str) -> None:
    write(url, [decision(2), decision(2, kind=Kind.REVIEW, at=BEGIN + 100 * MINUTE)])
    assert _erase(url, ["d2"]).parts == 4
    found = verified(url)
    assert found.holds, found.listed
    assert found.erased == 4


def test_retention_of_one_use_case_leaves_the_others(url: str) -> None:
    write(url, [decision(1), decision(2, use_case="other_loans")])
    _retain(url, Retention({Part.PERSONAL: BEGIN + 60 * MINUTE}, "cron", BEGIN, use_case="other_loans"))
    found = {item.row.about: item.erased for item in _entries(url, Selection((Kind.DECISION,)))}
    assert found == {"d1": (), "d2": (Part.PERSONAL,)}
    assert verified(url).holds


def test_retention_with_nothing_due_writes_nothing(url: str) -> None:
    write(url, map(decision, range(3)))
    assert _retain(url, Retention({Part.PERSONAL: BEGIN}, "cron", BEGIN)) == Retained({"personal": 0})
    assert _entries(url, Selection((Kind.ERASURE,))) == []


def test_retention_forgets_old_answers(url: str) -> None:
    write(url, [decision(1)])
    _keep(url, [b"old", b"new"])
    alter(url, "claims", {"at": "at + 100"}, "answer = :answer", answer=b"new")
    done = _retain(url, Retention({}, "cron", BEGIN, answers_before=BEGIN + 50))
    assert done.erased == {"answers": 1}
    with reading(url) as connection:
        assert connection.execute(CLAIMS.select()).one().answer == b"new"


def test_two_retentions_at_once_erase_everything_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decision_log.retention.DELETED_AT_ONCE", 4)
    write(url, map(decision, range(20)))
    retention = Retention({Part.PERSONAL: BEGIN + 60 * MINUTE}, "cron", BEGIN)
    second: list[Retained] = []

    def meanwhile(_: int) -> None:
        if not second:
            second.append(_retain(url, retention))

    with writing(url, "tests", BEGIN) as scribe:
        first = retain(url, scribe, retention, meanwhile)
    assert first.erased["personal"] + second[0].erased["personal"] == 20
    found = verified(url)
    assert found.holds, found.listed
    with reading(url) as connection:
        assert due(connection, retention) == {"personal": 0}


def test_a_retention_broken_off_is_accounted_for_and_finished_by_the_next(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decision_log.retention.DELETED_AT_ONCE", 4)
    write(url, map(decision, range(20)))
    retention = Retention({Part.PERSONAL: BEGIN + 60 * MINUTE}, "cron", BEGIN)

    def broken_off(_: int) -> None:
        raise KeyboardInterrupt

    with writing(url, "tests", BEGIN) as scribe, pytest.raises(KeyboardInterrupt):
        retain(url, scribe, retention, broken_off)
    assert verified(url).holds
    assert _retain(url, retention).erased == {"personal": 16}
    assert verified(url).holds


def _wish(abouts: list[str], parts: tuple[Part, ...], **more: Any) -> Wish:
    return Wish(abouts, parts, "the customer asked for it", "m.rojas", BEGIN + 99 * MINUTE, **more)


def _erase(url: str, abouts: list[str], parts: tuple[Part, ...] = BOTH, **more: Any) -> Erased:
    with writing(url, "tests", BEGIN) as scribe:
        erased: Erased = scribe.write(erase(_wish(abouts, parts, **more)), abouts)
        return erased


def _retain(url: str, retention: Retention) -> Retained:
    with writing(url, "tests", BEGIN) as scribe:
        return retain(url, scribe, retention)


def _entries(url: str, selection: Selection) -> list[Any]:
    with reading(url) as connection:
        return list(entries(connection, selection))


def _keep(url: str, answers: list[bytes]) -> None:
    rows = [
        {"scope": "core /predict", "key": f"key-{place}".encode(), "body": b"", "answer": answer, "at": BEGIN}
        for place, answer in enumerate(answers)
    ]
    with create_engine(read_address(url), poolclass=NullPool).begin() as connection:
        connection.execute(CLAIMS.insert(), rows)
