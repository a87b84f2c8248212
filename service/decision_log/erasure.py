"""Erasure: parts of records are deleted, and an entry says so, so that the chain still holds and nobody can guess them.

What is erased are rows of `records`: body, salt and subject. The entry keeps the part's digest, from which nothing can
be had without the salt. Answers that are kept for idempotency keys may quote a record, so those about an erased id go
too. Retention does the same by age, and says so once with the times before which everything goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, and_, bindparam, delete, select, text

from service.decision_log.chain import Row
from service.decision_log.entries import Entry, Kind, Part
from service.decision_log.orders import Resolution, Resolve
from service.decision_log.streams import stream
from service.decision_log.tables import CLAIMS, ENTRIES, RECORDS

# Keys of `records` (writer, seq, part) and of `claims` (scope, key).
PartKey: TypeAlias = tuple[str, int, str]
AnswerKey: TypeAlias = tuple[str, bytes]

# What retention entries are about: no single entry.
RETENTION = "retention"
_NAMED = re.compile(rb'"(?:decision|explanation)_id": ?"([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Wish:
    """What to erase, why and in whose name.

    abouts: ids of decisions, explanations or whatever else has a record. answers: kept answers that `answers_about`
    found. now: microseconds since 1970, UTC. The entry that says so keeps `because` and `by` for good.
    """

    abouts: Sequence[str]
    parts: tuple[Part, ...]
    because: str
    by: str
    now: int
    answers: Sequence[AnswerKey] = ()


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: of how many ids, how many parts of records, and how many kept answers."""

    abouts: int = 0
    parts: int = 0
    answers: int = 0

    def __add__(self, other: Erased) -> Erased:
        """Return both together."""
        return Erased(self.abouts + other.abouts, self.parts + other.parts, self.answers + other.answers)


def erase(wish: Wish) -> Resolve:
    """Return the act that erases, and appends one erasure entry for each id of which anything was still there."""

    def resolve(connection: Connection) -> Resolution:
        overwrite_deleted(connection)
        said, parts = [], 0
        for about in sorted(set(wish.abouts)):
            for use_case, keys in _held(connection, about, wish.parts).items():
                parts += delete_parts(connection, keys)
                said.append(_entry(wish, about, use_case, sorted({part for *_, part in keys})))
        answers = delete_answers(connection, wish.answers)
        return Resolution(said, Erased(len({entry.about for entry in said}), parts, answers))

    return resolve


def answers_about(connection: Connection, abouts: Iterable[str]) -> list[AnswerKey]:
    """Return the keys of all kept answers that name one of the ids; reads every kept answer once."""
    wanted = {about.encode() for about in abouts}
    query = select(CLAIMS.c.scope, CLAIMS.c.key, CLAIMS.c.answer)
    return [
        (scope, bytes(key))
        for scope, key, answer in stream(connection, query)
        if not wanted.isdisjoint(_NAMED.findall(bytes(answer)))
    ]


def overwrite_deleted(connection: Connection) -> None:
    """Have SQLite overwrite what it deletes from here on; PostgreSQL frees the place when it vacuums."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON").close()


def delete_parts(connection: Connection, keys: Sequence[PartKey]) -> int:
    """Delete parts of records; returns how many were still there."""
    if not keys:
        return 0
    names = ("writer", "seq", "part")
    return connection.execute(_DELETE_PART, [dict(zip(names, key, strict=True)) for key in keys]).rowcount


def delete_answers(connection: Connection, keys: Sequence[AnswerKey]) -> int:
    """Delete kept answers, which makes their idempotency keys new ones; returns how many were still there."""
    if not keys:
        return 0
    return connection.execute(_DELETE_ANSWER, [{"of": scope, "by": key} for scope, key in keys]).rowcount


class Erasures:
    """Tells whether an erasure or a retention accounts for a part that is missing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._before: dict[tuple[str, str], int] = {}
        for use_case, details in _said(connection, RETENTION):
            for part, before in details.get("before", {}).items():
                key = use_case, part
                self._before[key] = max(self._before.get(key, before), before)

    def account_for(self, row: Row, part: Part) -> bool:
        """Return whether the entry's part was erased, by age or by its id."""
        for use_case in ("", row.use_case):
            before = self._before.get((use_case, str(part)))
            if before is not None and type(row.at) is int and row.at < before:
                return True
        said = _said(self._connection, row.about)
        return any(str(part) in details.get("parts", ()) for _, details in said)


def _said(connection: Connection, about: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for use_case, details in connection.execute(_ERASURES_OF, {"about": about}).all():
        try:
            body = json.loads(details)
        except (TypeError, ValueError):
            # It was altered, which its hash tells; it accounts for nothing.
            continue
        if isinstance(body, dict):
            yield use_case, body


def _held(connection: Connection, about: str, parts: Iterable[Part]) -> dict[str, list[PartKey]]:
    """Return the keys of what is there to erase, by use case."""
    same = and_(RECORDS.c.writer == ENTRIES.c.writer, RECORDS.c.seq == ENTRIES.c.seq)
    query = select(ENTRIES.c.use_case, RECORDS.c.writer, RECORDS.c.seq, RECORDS.c.part)
    query = query.join_from(ENTRIES, RECORDS, same).where(ENTRIES.c.about == about)
    found: dict[str, list[PartKey]] = {}
    for use_case, writer, seq, part in connection.execute(
        query.where(RECORDS.c.part.in_([str(item) for item in parts]))
    ):
        found.setdefault(use_case, []).append((writer, seq, part))
    return found


def _entry(wish: Wish, about: str, use_case: str, parts: list[str]) -> Entry:
    details = {"parts": parts, "because": wish.because, "by": wish.by}
    return Entry(kind=Kind.ERASURE, at=wish.now, use_case=use_case, about=about, details=details)


_DELETE_PART = delete(RECORDS).where(
    RECORDS.c.writer == bindparam("writer"),
    RECORDS.c.seq == bindparam("seq"),
    RECORDS.c.part == bindparam("part"),
)
_DELETE_ANSWER = delete(CLAIMS).where(CLAIMS.c.scope == bindparam("of"), CLAIMS.c.key == bindparam("by"))
_ERASURES_OF = text("SELECT use_case, details FROM entries WHERE about = :about AND kind = 'erasure'")
