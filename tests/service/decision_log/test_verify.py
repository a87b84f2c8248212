from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from service.decision_log import LogRefused, Row, entry_hash
from service.decision_log.address import read_address
from service.decision_log.entries import Part
from service.decision_log.erasure import Wish, erase
from service.decision_log.scribe import writing
from service.decision_log.tables import ENTRIES, METADATA
from tests.postgres import Postgres
from tests.service.decision_log.written_log import BEGIN, alter, anchored, decision, remove, verified, write

ENTRIES_WRITTEN = 12
# Another value of the same type for each column of an entry, as SQL.
OTHER: dict[str, str] = {
    "writer": "'somebody'",
    "seq": "seq + 1000",
    "kind": "'shadow'",
    "at": "at + 1",
    "use_case": "'other_loans'",
    "about": "'d999'",
    "probability": "probability + 1e-16",
    "decision": "'approve'",
    "model": "'small_loans:fedcba9876543210'",
    "policy": "'by-hand-76543210'",
    "contract": "'0000000000000000'",
    "request_id": "'another'",
    "key_id": "'another'",
    "details": "'{}'",
    "inputs_digest": "personal_digest",
    "personal_digest": "inputs_digest",
    "hash": "inputs_digest",
}
AT = "writer = :writer AND seq = :seq"
ANOTHER_HASH = "(SELECT hash FROM entries e WHERE e.writer = records.writer AND e.seq = records.seq)"
OTHER_RECORD = {"salt": ANOTHER_HASH, "body": "'{}'", "subject": """'{"customer":"c999"}'"""}
NULLABLE = ("probability", "decision", "inputs_digest", "personal_digest")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of an empty log in SQLite; what needs trying out in PostgreSQL too asks for `postgres`."""
    return f"sqlite:///{tmp_path / 'log.db'}"


@pytest.fixture
def writer(url: str) -> str:
    """A log of two writers; the name of the first."""
    first = write(url, map(decision, range(ENTRIES_WRITTEN)))
    write(url, map(decision, range(100, 105)))
    return first


def test_a_log_as_it_was_written_holds(url: str, writer: str) -> None:
    found = verified(url, anchored(url))
    assert found.holds, found.listed
    assert (found.writers, found.entries, found.parts, found.anchors) == (2, 17, 34, 2)


def test_every_column_of_an_entry_is_covered() -> None:
    assert set(OTHER) == set(Row._fields)


@pytest.mark.parametrize("column", Row._fields)
def test_an_altered_column_is_found_where_it_was_altered(url: str, writer: str, column: str) -> None:
    seq = 2 + zlib.crc32(column.encode()) % (ENTRIES_WRITTEN - 2)
    altered = alter(url, "entries", {column: OTHER[column]}, AT, writer=writer, seq=seq)
    assert altered == 1
    found = verified(url)
    assert (writer, seq) in {(item.writer, item.seq) for item in found.listed}


@pytest.mark.parametrize("column", NULLABLE)
def test_a_column_set_to_null_is_found(url: str, writer: str, column: str) -> None:
    alter(url, "entries", {column: "NULL"}, AT, writer=writer, seq=5)
    assert (writer, 5, "d4") in {(item.writer, item.seq, item.about) for item in verified(url).listed}


@pytest.mark.parametrize("column", Row._fields)
@pytest.mark.parametrize("value", ["'nonsense'", "X'ff00'", "CAST(X'ff' AS TEXT)"])
def test_what_sqlite_lets_stand_in_a_column_of_another_type_is_found(
    url: str, column: str, value: str
) -> None:
    writer = write(url, map(decision, range(4)))
    alter(url, "entries", {column: value}, "seq = 2")
    assert writer in {item.writer for item in verified(url).listed}


@pytest.mark.parametrize(("seq", "why"), [(1, "entry 1 is missing"), (6, "entry 6 is missing")])
def test_a_deleted_entry_is_found(url: str, writer: str, seq: int, why: str) -> None:
    _delete(url, writer, seq, seq)
    (found,) = verified(url).listed
    assert (found.writer, found.seq) == (writer, seq)
    assert found.what.startswith(why)


def test_a_tail_that_was_cut_off_is_found_against_an_anchor_alone(url: str, writer: str) -> None:
    anchors = anchored(url)
    _delete(url, writer, 10, ENTRIES_WRITTEN)
    assert verified(url).holds
    (found,) = verified(url, anchors).listed
    assert found.what == (
        "entry 12 was anchored at 2026-11-20T09:00:00Z and is missing: the chain ends at entry 9"
    )


def test_a_writer_deleted_with_all_its_entries_is_found_against_an_anchor(url: str, writer: str) -> None:
    anchors = anchored(url)
    _delete(url, writer, 1, ENTRIES_WRITTEN)
    remove(url, "writers", "id = :writer", writer=writer)
    assert verified(url).holds
    (found,) = verified(url, anchors).listed
    assert (found.writer, found.what) == (writer, "the writer was anchored and has no entry any more")


def test_two_swapped_entries_are_found(url: str, writer: str) -> None:
    for table in ("entries", "records"):
        _swap(url, table, AT, writer)
    assert {item.seq for item in verified(url).listed} == {4, 5, 8, 9}


def test_an_entry_put_behind_the_others_is_found(url: str, writer: str) -> None:
    _delete(url, writer, ENTRIES_WRITTEN, ENTRIES_WRITTEN)
    alter(url, "entries", {"seq": "12"}, AT, writer=writer, seq=3)
    assert {item.seq for item in verified(url).listed} >= {3, 12}


def test_a_tail_written_anew_holds_together_and_is_found_against_an_anchor(url: str, writer: str) -> None:
    anchors = anchored(url)
    _forge(url, writer, since=7, change=lambda row: row._replace(decision="approve"))
    assert verified(url).holds
    (found,) = verified(url, anchors).listed
    assert (found.seq, found.what) == (
        12,
        "it is not the entry that was anchored at 2026-11-20T09:00:00Z",
    )


def test_a_person_hidden_from_erasure_is_found(url: str, writer: str) -> None:
    alter(url, "records", {"subject": "NULL"}, f"{AT} AND part = 'personal'", writer=writer, seq=3)
    (found,) = verified(url).listed
    assert found.what == "its record's part 'personal' is not what was written"


@pytest.mark.parametrize("column", OTHER_RECORD)
def test_an_altered_record_is_found(url: str, writer: str, column: str) -> None:
    alter(url, "records", {column: OTHER_RECORD[column]}, f"{AT} AND part = 'personal'", writer=writer, seq=3)
    (found,) = verified(url).listed
    assert (found.seq, found.about) == (3, "d2")
    assert found.what == "its record's part 'personal' is not what was written"


def test_swapped_records_are_found(url: str, writer: str) -> None:
    _swap(url, "records", f"{AT} AND part = 'inputs'", writer)
    found = verified(url).listed
    assert {item.seq for item in found} == {4, 8}
    assert {item.what for item in found} == {"its record's part 'inputs' is not what was written"}


def test_a_record_deleted_without_an_erasure_is_found(url: str, writer: str) -> None:
    remove(url, "records", f"{AT} AND part = 'inputs'", writer=writer, seq=3)
    (found,) = verified(url).listed
    assert found.what == "its record's part 'inputs' is missing, and no erasure says so"


def test_a_record_that_belongs_to_no_entry_is_found(url: str, writer: str) -> None:
    alter(url, "records", {"seq": "77"}, f"{AT} AND part = 'inputs'", writer=writer, seq=3)
    assert {item.seq for item in verified(url).listed} == {3, 77}


def test_an_erasure_of_one_part_does_not_account_for_another(url: str, writer: str) -> None:
    with writing(url, "tests", BEGIN) as scribe:
        scribe.write(erase(Wish(["d2"], (Part.PERSONAL,), "asked", "tests", BEGIN)))
    assert verified(url).holds
    remove(url, "records", AT, writer=writer, seq=3)
    (found,) = verified(url).listed
    assert found.what == "its record's part 'inputs' is missing, and no erasure says so"


def test_a_writer_that_never_registered_is_found(url: str, writer: str) -> None:
    remove(url, "writers", "id = :writer", writer=writer)
    (found,) = verified(url).listed
    assert (found.writer, found.what) == (writer, "the writer is missing from the table writers")


def test_only_the_first_thousand_discrepancies_are_listed_and_all_are_counted(url: str) -> None:
    write(url, map(decision, range(1_050)), at_once=500)
    alter(url, "entries", {"request_id": "''"})
    found = verified(url)
    assert (found.found, len(found.listed)) == (1_050, 1_000)


def test_a_log_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    with pytest.raises(LogRefused) as refused:
        verified(f"sqlite:///{missing}")
    assert str(refused.value).startswith(f"there is no decision log at sqlite:///{missing}")
    assert not missing.exists()


def test_a_database_without_a_log_is_refused(url: str, writer: str) -> None:
    with create_engine(read_address(url), poolclass=NullPool).begin() as connection:
        METADATA.drop_all(connection)
    with pytest.raises(LogRefused) as refused:
        verified(url)
    assert "is empty" in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"no database " * 1_000)
    with pytest.raises(LogRefused) as refused:
        verified(f"sqlite:///{tmp_path / 'log.db'}")
    assert "cannot be read: file is not a database" in str(refused.value)


def test_in_postgresql_everything_altered_is_found_too(postgres: Postgres) -> None:
    url = postgres.new_url()
    writer = write(url, map(decision, range(ENTRIES_WRITTEN)))
    anchors = anchored(url)
    assert verified(url, anchors).holds
    kept = {name: _rows(url, name) for name in ("entries", "records")}
    for column, other in OTHER.items():
        alter(url, "entries", {column: other}, AT, writer=writer, seq=5)
        assert (writer, 5) in {(item.writer, item.seq) for item in verified(url).listed}, column
        _restore(url, kept)
    for column, other in OTHER_RECORD.items():
        alter(url, "records", {column: other}, f"{AT} AND part = 'personal'", writer=writer, seq=5)
        assert {item.seq for item in verified(url).listed} == {5}, column
        _restore(url, kept)
    _delete(url, writer, 10, ENTRIES_WRITTEN)
    assert verified(url).holds
    assert not verified(url, anchors).holds


def _rows(url: str, table: str) -> list[dict[str, Any]]:
    with create_engine(read_address(url), poolclass=NullPool).begin() as connection:
        return [dict(row) for row in connection.execute(select(METADATA.tables[table])).mappings()]


def _restore(url: str, kept: dict[str, list[dict[str, Any]]]) -> None:
    with create_engine(read_address(url), poolclass=NullPool).begin() as connection:
        for table, rows in kept.items():
            connection.execute(METADATA.tables[table].delete())
            connection.execute(METADATA.tables[table].insert(), rows)


def _delete(url: str, writer: str, first: int, last: int) -> None:
    for table in ("records", "entries"):
        where = "writer = :writer AND seq BETWEEN :first AND :last"
        remove(url, table, where, writer=writer, first=first, last=last)


def _swap(url: str, table: str, where: str, writer: str) -> None:
    for old, new in ((4, "-4"), (8, "4"), (-4, "8")):
        alter(url, table, {"seq": new}, where, writer=writer, seq=old)


def _forge(url: str, writer: str, since: int, change: Callable[[Row], Row]) -> None:
    """Alter an entry as somebody would who knows how hashes are taken."""
    with create_engine(read_address(url), poolclass=NullPool).begin() as connection:
        query = select(ENTRIES).where(ENTRIES.c.writer == writer).order_by(ENTRIES.c.seq)
        rows = [Row(*row) for row in connection.execute(query)]
        previous = rows[since - 2].hash
        for row in rows[since - 1 :]:
            forged = change(row) if row.seq == since else row
            forged = forged._replace(hash=entry_hash(previous, forged))
            previous = forged.hash
            key = (ENTRIES.c.writer == writer, ENTRIES.c.seq == row.seq)
            connection.execute(ENTRIES.update().where(*key).values(forged._asdict()))
