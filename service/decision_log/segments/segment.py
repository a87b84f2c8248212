"""Segments as the log knows them now: as they were registered, and what was erased from them since."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, select

from service.decision_log.chain import Row
from service.decision_log.entries import Kind, Part
from service.decision_log.errors import LogRefused
from service.decision_log.segments.facts import SegmentFacts, file_name
from service.decision_log.streams import stream
from service.decision_log.tables import ENTRIES

# SQLite takes 32,766 parameters, and an entry of a segment may have some hundred thousand characters.
_IDS_AT_ONCE, _SEGMENTS_AT_ONCE = 500, 50


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


def segments(connection: Connection, chosen: Chosen = Chosen()) -> Iterator[Segment]:
    """Yield segments in the order of time, a few in memory at once.

    One that was registered twice counts as it was first. Raises `LogRefused` for an entry that is none of ours.
    """
    for rows in _rows(connection, chosen):
        yield from _as_now(connection, rows)


def segment_of(connection: Connection, segment: str) -> Segment | None:
    """Return one segment, None for an unknown id."""
    return next(segments(connection, Chosen(ids=[segment])), None)


def facts_of(row: Row) -> SegmentFacts:
    """Return what an entry registers; raises `LogRefused` where that cannot be read."""
    try:
        facts = SegmentFacts.from_json(json.loads(row.details))
        if (facts.id, facts.heading.use_case) != (row.about, row.use_case):
            raise ValueError("it is about another segment")
    except (ValueError, RecursionError) as error:
        raise LogRefused(
            f"the decision log's entry about segment {row.about} cannot be read: {error}; run: aval log verify"
        ) from None
    return facts


def _rows(connection: Connection, chosen: Chosen) -> Iterator[list[Row]]:
    seen: set[str] = set()
    for query in _queries(chosen):
        found = (Row(*row) for row in stream(connection, query))
        while some := list(islice(found, _SEGMENTS_AT_ONCE)):
            # The same id again is not another segment.
            first = {row.about: row for row in reversed(some) if row.about not in seen}
            seen.update(first)
            yield list(reversed(first.values()))


def _queries(chosen: Chosen) -> Iterator[Select[Any]]:
    query = select(*ENTRIES.c).where(ENTRIES.c.kind == str(Kind.SEGMENT))
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
    for start in range(0, len(chosen.ids), _IDS_AT_ONCE):
        yield query.where(ENTRIES.c.about.in_(chosen.ids[start : start + _IDS_AT_ONCE]))


def _as_now(connection: Connection, rows: Sequence[Row]) -> Iterator[Segment]:
    erasures = _erasures(connection, [row.about for row in rows])
    for row in rows:
        facts = facts_of(row)
        segment = Segment(row, facts, facts.sha256)
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
    shaped = isinstance(body.get("parts"), list) and isinstance(body.get("rows", ()), list | None)
    if not (shaped and all(isinstance(item, str) for item in texts)):
        return None
    return body if all(part in list(map(str, Part)) for part in body["parts"]) else None
