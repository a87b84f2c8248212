"""Erasure: parts of records are deleted, and an entry says so, so that the chain still holds and nobody can guess them.

What is erased are rows of `records`: body, salt and subject. The entry keeps the part's digest, from which nothing can
be had without the salt. Answers that are kept for idempotency keys may quote a record, so those about an erased id go
too. Retention does the same by age, and says so once with the times before which everything goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
        said, parts = [], 0
        for about in sorted(set(wish.abouts)):
            for use_case, held in _held(connection, about, wish.parts).items():
                parts += delete_parts(connection, held.keys)
                said.append(_entry(wish, about, use_case, held))
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
        for said in _said(connection, RETENTION):
            for part, before in said.before.items():
                key = said.use_case, part
                self._before[key] = max(self._before.get(key, before), before)

    def account_for(self, row: Row, part: Part) -> bool:
        """Return whether the entry's part was erased, by age or by its id, after it was written."""
        if type(row.at) is not int:
            return False
        for use_case in ("", row.use_case):
            before = self._before.get((use_case, str(part)))
            if before is not None and row.at < before:
                return True
        return any(
            row.at <= said.at and str(part) in said.parts for said in _said(self._connection, row.about)
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """What an erasure entry accounts for: parts written until `at`, and parts written before a time each."""

    use_case: str
    at: int
    parts: Sequence[Any]
    before: Mapping[str, int]


def _said(connection: Connection, about: str) -> Iterator[_Said]:
    """Yield what erasures say of an id; what they were not written with was altered, and accounts for nothing."""
    for use_case, at, details in connection.execute(_ERASURES_OF, {"about": about}).all():
        try:
            body = json.loads(details)
        except (TypeError, ValueError, RecursionError):
            continue
        if type(at) is int and isinstance(body, dict):
            parts, before = body.get("parts"), body.get("before")
            times = before.items() if isinstance(before, dict) else ()
            yield _Said(
                use_case,
                at,
                parts if isinstance(parts, list) else [],
                {part: moment for part, moment in times if type(moment) is int},
            )


@dataclass(slots=True)
class _Held:
    """What is there to erase; latest: when the last of it was written, in microseconds since 1970, UTC."""

    keys: list[PartKey] = field(default_factory=list)
    latest: int = 0


def _held(connection: Connection, about: str, parts: Iterable[Part]) -> dict[str, _Held]:
    """Return what is there to erase, by use case."""
    same = and_(RECORDS.c.writer == ENTRIES.c.writer, RECORDS.c.seq == ENTRIES.c.seq)
    query = select(ENTRIES.c.use_case, ENTRIES.c.at, RECORDS.c.writer, RECORDS.c.seq, RECORDS.c.part)
    query = query.join_from(ENTRIES, RECORDS, same).where(ENTRIES.c.about == about)
    found: dict[str, _Held] = {}
    for use_case, at, *key in connection.execute(
        query.where(RECORDS.c.part.in_([str(item) for item in parts]))
    ):
        held = found.setdefault(use_case, _Held())
        held.keys.append((key[0], key[1], key[2]))
        # Only SQLite lets text stand in a column of numbers.
        held.latest = max(held.latest, at if type(at) is int else 0)
    return found


def _entry(wish: Wish, about: str, use_case: str, held: _Held) -> Entry:
    parts = sorted({part for *_, part in held.keys})
    details = {"parts": parts, "because": wish.because, "by": wish.by}
    # Not before what it accounts for, which another clock may have dated, or which was written since it was wished.
    at = max(wish.now, held.latest)
    return Entry(kind=Kind.ERASURE, at=at, use_case=use_case, about=about, details=details)


_DELETE_PART = delete(RECORDS).where(
    RECORDS.c.writer == bindparam("writer"),
    RECORDS.c.seq == bindparam("seq"),
    RECORDS.c.part == bindparam("part"),
)
_DELETE_ANSWER = delete(CLAIMS).where(CLAIMS.c.scope == bindparam("of"), CLAIMS.c.key == bindparam("by"))
_ERASURES_OF = text("SELECT use_case, at, details FROM entries WHERE about = :about AND kind = 'erasure'")
