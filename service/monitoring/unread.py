"""What the decision log holds that was not counted yet, followed writer by writer in the order of their chains.

A writer's entries come into the log in the order of their numbers and none is ever added between two others, so that
one number says up to where they were seen; times say no such thing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from service.decision_log.entries import Kind, Part
from service.decision_log.segments.store import SegmentStore
from service.decision_log.tables import ENTRIES, RECORDS, WRITERS
from service.monitoring.rollups import Position, Seqs


class AnotherLog(Exception):
    """The log does not hold what was counted of it: it is another one, or was set back."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries of one writer that were not counted: those behind `after`, up to `last`."""

    writer: str
    after: int
    last: int


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A log as it is at one moment, the place of its segments, and the use case that is counted."""

    connection: Connection
    store: SegmentStore
    use_case: str


@dataclass(frozen=True, slots=True)
class Block:
    """Entries of one writer, in their order; before, after: how far each writer is counted without and with them."""

    rows: Sequence[Any]
    writer: str
    before: Seqs
    after: Seqs

    def of_kind(self, kind: Kind) -> list[Any]:
        """Return the entries of one kind."""
        return [row for row in self.rows if row.kind == kind]


def unread(connection: Connection, position: Position) -> list[Stretch]:
    """Return what is not counted; raises `AnotherLog` where more is counted than there is."""
    last = select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.writer == WRITERS.c.id).scalar_subquery()
    there = {writer: seq or 0 for writer, seq in connection.execute(select(WRITERS.c.id, last))}
    if any(there.get(writer, 0) < seq for writer, seq in position.seqs.items()):
        raise AnotherLog
    found = (Stretch(writer, position.seqs.get(writer, 0), seq) for writer, seq in sorted(there.items()))
    return [stretch for stretch in found if stretch.after < stretch.last]


def next_block(
    log: OpenLog,
    position: Position,
    stretch: Stretch,
    kinds: Collection[Kind],
    parts: Collection[Part],
    most: int,
) -> Block:
    """Return the first entries of a stretch that are of the use case and of these kinds, at most so many.

    parts: of records, to be read with them, each as a column of its name and one, `…_had`, that says whether the entry
    was logged with it. A segment ends the block: what it stands for is work enough.
    """
    found = log.connection.execute(_query(log.use_case, stretch, kinds, parts).limit(most)).all()
    cut = next((place for place, row in enumerate(found, 1) if row.kind == Kind.SEGMENT), len(found))
    rows = found[:cut]
    ended = cut == len(found) < most
    seq = stretch.last if ended else rows[-1].seq
    return Block(rows, stretch.writer, position.seqs, {**position.seqs, stretch.writer: seq})


def _query(use_case: str, stretch: Stretch, kinds: Collection[Kind], parts: Collection[Part]) -> Select[Any]:
    names = ("seq", "kind", "at", "about", "probability", "decision", "model", "policy")
    bodies: list[Any] = []
    joined: Any = ENTRIES
    for part in Part:
        if part not in parts:
            continue
        table = RECORDS.alias(str(part))
        same = and_(table.c.writer == ENTRIES.c.writer, table.c.seq == ENTRIES.c.seq)
        joined = joined.outerjoin(table, and_(same, table.c.part == str(part)))
        had = ENTRIES.c[f"{part}_digest"].is_not(None)
        bodies += [table.c.body.label(str(part)), had.label(f"{part}_had")]
    return (
        select(*(ENTRIES.c[name] for name in names), *bodies)
        .select_from(joined)
        .where(
            ENTRIES.c.writer == stretch.writer, ENTRIES.c.seq > stretch.after, ENTRIES.c.seq <= stretch.last
        )
        .where(ENTRIES.c.use_case == use_case, ENTRIES.c.kind.in_([str(kind) for kind in kinds]))
        .order_by(ENTRIES.c.seq)
    )
