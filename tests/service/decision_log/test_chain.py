from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decision_log import Break, Entry, Head, Kind, Record, Row, breaks, entry_hash, part_digest
from service.decision_log.orders import place, prepare

WRITER = "0123456789abcdef"
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.builds(
    Row,
    writer=TEXTS,
    seq=NUMBERS,
    kind=TEXTS,
    at=NUMBERS,
    use_case=TEXTS,
    about=TEXTS,
    probability=st.none() | st.floats(0, 1),
    decision=st.none() | TEXTS,
    model=TEXTS,
    policy=TEXTS,
    contract=TEXTS,
    request_id=TEXTS,
    key_id=TEXTS,
    details=TEXTS,
    inputs_digest=st.none() | st.binary(max_size=32),
    personal_digest=st.none() | st.binary(max_size=32),
    hash=st.just(b""),
)


def entry(number: int, **more: Any) -> Entry:
    record = Record({"x": number}, {"age": 40})
    return Entry(Kind.DECISION, number, "loans", f"id-{number}", 0.25, "approve", record=record, **more)


def chain(length: int) -> list[Row]:
    """A chain of so many entries."""
    rows: list[Row] = []
    head = Head(WRITER)
    for number in range(length):
        row, _ = place(prepare(entry(number)), head)
        head = Head(WRITER, row.seq, row.hash)
        rows.append(row)
    return rows


def faults(rows: list[Row]) -> list[tuple[int, str]]:
    return [(fault.seq, fault.why) for fault in breaks(rows, Head(WRITER))]


def test_the_hash_is_what_the_documentation_says_byte_by_byte() -> None:
    row = Row("w", 1, "decision", 7, "u", "é", 0.5, None, "m", "p", "c", "r", "", "{}", b"\1\2", None, b"")
    said = bytes(32)
    said += b"s\0\0\0\1w" + b"i\0\0\0\0\0\0\0\1" + b"s\0\0\0\x08decision" + b"i\0\0\0\0\0\0\0\7"
    said += b"s\0\0\0\1u" + b"s\0\0\0\2\xc3\xa9" + b"f" + struct.pack(">d", 0.5) + b"n"
    said += b"s\0\0\0\1m" + b"s\0\0\0\1p" + b"s\0\0\0\1c" + b"s\0\0\0\1r" + b"s\0\0\0\0" + b"s\0\0\0\2{}"
    said += b"b\0\0\0\2\1\2" + b"n"
    assert entry_hash(bytes(32), row) == hashlib.sha256(said).digest()


def test_the_digest_of_a_part_is_of_its_salt_its_body_and_its_subject() -> None:
    body = b's\0\0\0\x0a{"age":40}'
    assert part_digest(b"salt", '{"age":40}', None) == hashlib.sha256(b"salt" + body + b"n").digest()
    subject = b's\0\0\0\x08{"id":7}'
    found = part_digest(b"salt", '{"age":40}', '{"id":7}')
    assert found == hashlib.sha256(b"salt" + body + subject).digest()


@given(ROWS, ROWS)
def test_different_entries_have_different_hashes(one: Row, other: Row) -> None:
    assert (entry_hash(bytes(32), one) == entry_hash(bytes(32), other)) == (one == other)


@given(ROWS, st.integers(0, len(Row._fields) - 2))
def test_text_that_moves_from_one_column_to_the_next_changes_the_hash(row: Row, number: int) -> None:
    values = list(row)
    values[number], values[number - 1] = values[number - 1], values[number]
    other = Row._make(values)
    assert (entry_hash(bytes(32), row) == entry_hash(bytes(32), other)) == (row == other)


@given(st.floats(0, 1) | st.none(), st.sampled_from(Kind), TEXTS, st.none() | st.just({"x": "\ud800\0"}))
def test_what_the_writer_places_has_the_hash_that_its_row_must_have(
    probability: float | None, kind: Kind, text: str, inputs: dict[str, Any] | None
) -> None:
    made = Entry(kind, 5, text, text, probability, None, text, record=Record(inputs, None))
    row, parts = place(prepare(made), Head(WRITER, 6, b"\7" * 32))
    assert row.seq == 7
    assert row.hash == entry_hash(b"\7" * 32, row)
    found = [part_digest(part.salt, part.body, part.subject) for part in parts]
    assert found == [row.inputs_digest] * (inputs is not None)


def test_a_chain_that_was_left_alone_holds() -> None:
    assert faults(chain(5)) == []
    assert list(breaks(chain(5)[3:], Head(WRITER, 3, chain(5)[2].hash)))[1:] == [], "only salts differ"


@pytest.mark.parametrize("column", [name for name in Row._fields if name not in ("writer", "seq", "hash")])
def test_finds_an_altered_column(column: str) -> None:
    rows = chain(5)
    other: dict[str, Any] = {column: b"x" if column.endswith("digest") else "x"}
    rows[2] = rows[2]._replace(**other)
    assert faults(rows) == [(3, "entry 3 or the one before it is not what was written")]


def test_finds_a_deleted_entry() -> None:
    rows = chain(5)
    del rows[2]
    assert faults(rows) == [(3, "entry 3 is missing: the next one there is 4")]


def test_finds_a_deleted_first_entry() -> None:
    assert faults(chain(5)[1:]) == [(1, "entry 1 is missing: the next one there is 2")]


def test_finds_a_deleted_entry_also_when_the_rest_were_numbered_anew() -> None:
    rows = chain(5)
    closed_up = rows[:2] + [row._replace(seq=row.seq - 1) for row in rows[3:]]
    assert [seq for seq, _ in faults(closed_up)] == [3, 4]


def test_finds_entries_that_changed_places() -> None:
    rows = chain(5)
    rows[1], rows[2] = rows[2]._replace(seq=2), rows[1]._replace(seq=3)
    assert [seq for seq, _ in faults(rows)] == [2, 3, 4]


def test_a_rewritten_entry_with_its_own_hash_made_anew_breaks_the_next_link() -> None:
    rows = chain(5)
    forged = rows[2]._replace(decision="decline")
    rows[2] = forged._replace(hash=entry_hash(rows[1].hash, forged))
    assert faults(rows) == [(4, "entry 4 or the one before it is not what was written")]


def test_a_break_names_its_writer() -> None:
    missing = Break(WRITER, 1, "entry 1 is missing: the next one there is 2")
    assert list(breaks(chain(2)[1:], Head(WRITER))) == [missing]


@pytest.mark.parametrize("name", ["use_case", "about", "decision", "model", "request_id", "key_id"])
def test_a_nul_in_a_column_is_refused_because_postgresql_has_none(name: str) -> None:
    given = {"use_case": "loans", "about": "id-1", name: "a\0b"}
    with pytest.raises(ValueError, match="a NUL character cannot be logged"):
        prepare(Entry(Kind.DECISION, 1, **given))  # type: ignore[arg-type]


def test_a_record_with_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        prepare(Entry(Kind.DECISION, 1, "loans", "id-1", record=Record({"x": float("nan")})))


def test_equal_bodies_of_two_entries_have_different_digests() -> None:
    first, second = prepare(entry(1)), prepare(entry(1))
    assert first.parts[0][2] == second.parts[0][2]
    assert first.columns[-2] != second.columns[-2], (
        "without salts the digest would tell who has the same record"
    )
