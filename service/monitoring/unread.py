"""What the decision log holds that was not counted yet, followed writer by writer in the order of their chains.

A writer's entries come into the log in the order of their numbers and none is ever added between two others, so that
one number says up to where they were seen; times say no such thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from service.decision_log.entries import Kind
from service.decision_log.segments.store import SegmentStore
from service.decision_log.tables import ENTRIES, WRITERS
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
    """Entries of one writer that are counted in one step: those behind `after`, up to `last`.

    before: how far every writer was counted without them.
    """

    log: OpenLog
    writer: str
    after: int
    last: int
    before: Seqs

    @property
    def behind(self) -> Seqs:
        """How far every writer is counted with them."""
        return {**self.before, self.writer: self.last}

    def of_kind(self, kind: Kind) -> tuple[ColumnElement[bool], ...]:
        """Return what says of a row of `entries` that it is one of the block, of the use case and of a kind."""
        return (
            ENTRIES.c.writer == self.writer,
            ENTRIES.c.seq > self.after,
            ENTRIES.c.seq <= self.last,
            ENTRIES.c.kind == str(kind),
            is_of(ENTRIES, self.log.use_case),
        )


def is_of(entries: Any, use_case: str) -> ColumnElement[bool]:
    """Return what says of a row of entries that it is of a use case, where it is found by something else."""
    # Not the column itself: SQLite would take the index that begins with it, and read all of the use case's entries.
    found: ColumnElement[bool] = entries.c.use_case.concat("") == use_case
    return found


def unread(connection: Connection, position: Position) -> list[Stretch]:
    """Return what is not counted; raises `AnotherLog` where more is counted than there is."""
    last = select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.writer == WRITERS.c.id).scalar_subquery()
    there = {writer: seq or 0 for writer, seq in connection.execute(select(WRITERS.c.id, last))}
    if any(there.get(writer, 0) < seq for writer, seq in position.seqs.items()):
        raise AnotherLog
    found = (Stretch(writer, position.seqs.get(writer, 0), seq) for writer, seq in sorted(there.items()))
    return [stretch for stretch in found if stretch.after < stretch.last]


def next_block(log: OpenLog, position: Position, stretch: Stretch, most: int) -> Block:
    """Return the first entries of a stretch, so many at most; a segment ends the block: it is work enough."""
    block = Block(log, stretch.writer, stretch.after, min(stretch.last, stretch.after + most), position.seqs)
    segment = log.connection.scalar(select(func.min(ENTRIES.c.seq)).where(*block.of_kind(Kind.SEGMENT)))
    return block if segment is None else replace(block, last=segment)
