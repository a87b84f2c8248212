"""Segments as the log knows them now: as they were registered, and what was erased from them since."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, literal_column, select

from service.decision_log.chain import Row
from service.decision_log.entries import Kind, Part
from service.decision_log.errors import LogRefused
from service.decision_log.segments.facts import SegmentFacts, file_name
from service.decision_log.streams import stream
from service.decision_log.tables import ENTRIES

# An entry of a segment may have some hundred thousand characters, and PostgreSQL two seconds for a statement.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Segment:
    """A registered segment. row: its entry. sha256: of its file as it is to be now.

    erased: numbers of rows by part, None for all. superseded: files that erasures have put others in the place of, by
    their SHA-256, the first one first.
    """

    row: Row
    facts: SegmentFacts
    sha256: str
    erased: Mapping[Part, frozenset[int] | None] = field(default_factory=dict)
    superseded: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The segment's id."""
        return self.facts.id

    @property
    def name(self) -> str:
        """The name of its file within the place of segments."""
        return self.name_of(self.sha256)

    def name_of(self, sha256: str) -> str:
        """Return the name that its file has with this content."""
        return file_name(self.facts.heading.use_case, self.id, sha256)

    def kept(self, part: Part) -> int:
        """Return how many of its records still have a part."""
        if part not in self.facts.parts:
            return 0
        erased = self.erased.get(part, frozenset())
        return 0 if erased is None else self.facts.rows - len(erased)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which segments to read; what is left open chooses all.

    since and until: microseconds since 1970, UTC, the second exclusive.
    """

    use_case: str | None = None
    since: int | None = None
    until: int | None = None
    ids: Sequence[str] | None = None


def segments(
    connection: Connection, chosen: Chosen = Chosen(), tell: Callable[[Row, str], None] | None = None
) -> Iterator[Segment]:
    """Yield segments in the order of time, a few in memory at once.

    One that was registered twice counts as it was first. Raises `LogRefused` for an entry that is none of ours; with
    `tell` such entries, and second ones, are told and passed over.
    """
    seen: set[str] = set()
    for some in _rows(connection, chosen):
        yield from _as_now(connection, [row for row in some if _is_first(row, seen, tell)], tell)


def segment_of(connection: Connection, segment: str) -> Segment | None:
    """Return one segment, None for an unknown id."""
    return next(segments(connection, Chosen(ids=[segment])), None)


def facts_of(row: Row) -> SegmentFacts:
    """Return what an entry registers; raises `LogRefused` where that cannot be read."""
    try:
        facts = SegmentFacts.from_json(json.loads(row.details))
        if (facts.id, facts.heading.use_case) != (row.about, row.use_case):
            raise ValueError("it is about another segment")
    except (ValueError, TypeError, RecursionError) as error:
        raise unreadable(row.about, str(error)) from None
    return facts


def unreadable(segment: str, why: str) -> LogRefused:
    """Return what to raise for an entry that registers no segment as this version writes them."""
    return LogRefused(
        f"the decision log's entry about segment {segment} cannot be read: {why}; run: aval log verify"
    )


def _rows(connection: Connection, chosen: Chosen) -> Iterator[list[Row]]:
    for query in _queries(chosen):
        found = (Row(*row) for row in stream(connection, query))
        while some := list(islice(found, _AT_ONCE)):
            yield some


def _is_first(row: Row, seen: set[str], tell: Callable[[Row, str], None] | None) -> bool:
    if row.about in seen:
        if tell is not None:
            tell(row, "the segment was registered before")
        return False
    seen.add(row.about)
    return True


def _queries(chosen: Chosen) -> Iterator[Select[Any]]:
    # Not by the columns' types, which would fail on what somebody put there.
    columns: Iterator[Any] = (literal_column(f"entries.{name}") for name in Row._fields)
    query = select(*columns).select_from(ENTRIES).where(ENTRIES.c.kind == str(Kind.SEGMENT))
    if chosen.use_case is not None:
        query = query.where(ENTRIES.c.use_case == chosen.use_case)
    if chosen.since is not None:
        query = query.where(ENTRIES.c.at >= chosen.since)
    if chosen.until is not None:
        query = query.where(ENTRIES.c.at < chosen.until)
    query = query.order_by(ENTRIES.c.at, ENTRIES.c.writer, ENTRIES.c.seq)
    if chosen.ids is None:
        yield query
        return
    for start in range(0, len(chosen.ids), _AT_ONCE):
        yield query.where(ENTRIES.c.about.in_(chosen.ids[start : start + _AT_ONCE]))


def _as_now(
    connection: Connection, rows: Sequence[Row], tell: Callable[[Row, str], None] | None
) -> Iterator[Segment]:
    erasures = _erasures(connection, [row.about for row in rows])
    for row in rows:
        try:
            segment = Segment(row, facts := facts_of(row), facts.sha256)
        except LogRefused as error:
            if tell is None:
                raise
            tell(row, str(error))
            continue
        # Each names the file that it put another in the place of: the order in which they came is theirs.
        while (said := erasures[row.about].pop(segment.sha256, None)) is not None:
            segment = _erased(segment, said)
        yield segment


def _erased(segment: Segment, said: Mapping[str, Any]) -> Segment:
    erased = dict(segment.erased)
    for part in map(Part, said["parts"]):
        before = erased.get(part, frozenset())
        erased[part] = None if before is None or said["rows"] is None else before.union(said["rows"])
    return replace(
        segment, sha256=said["sha256"], erased=erased, superseded=(*segment.superseded, segment.sha256)
    )


def _erasures(connection: Connection, ids: Iterable[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what erasures say of each segment, by the file that they replaced."""
    query = select(ENTRIES.c.about, ENTRIES.c.details).where(
        ENTRIES.c.kind == str(Kind.ERASURE), ENTRIES.c.about.in_(list(ids))
    )
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for about, details in connection.execute(query):
        body = _readable(details)
        if body is not None:
            found[about].setdefault(body["replaces"], body)
    return found


def _readable(details: str) -> dict[str, Any] | None:
    """Return what an erasure of a segment says; None for what was not written so, and accounts for nothing."""
    try:
        body = json.loads(details)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    texts = (body.get("replaces"), body.get("sha256"))
    parts, rows = body.get("parts"), body.get("rows", ())
    if not (isinstance(parts, list) and isinstance(rows, list | None)):
        return None
    readable = all(isinstance(item, str) for item in texts) and set(map(repr, parts)) <= _PARTS
    return body if readable and all(type(row) is int for row in rows or ()) else None


_PARTS = frozenset(repr(str(part)) for part in Part)
