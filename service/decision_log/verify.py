"""Checks a whole log: every chain link by link, every record against its entry, and all of it against anchors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from service.decision_log.anchors import Anchor
from service.decision_log.chain import Head, Row, breaks, part_digest
from service.decision_log.entries import Part
from service.decision_log.erasure import Erasures
from service.decision_log.streams import ROWS_AT_ONCE, stream

MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Where the log is not what was written, and what is wrong there; `about` is "" where no entry says it."""

    writer: str
    seq: int
    about: str
    what: str


@dataclass(slots=True)
class Verification:
    """What was looked at and what was found; `listed` holds the first thousand of `found` discrepancies.

    parts: of records, present and as they were written. erased: those that an erasure or retention accounts for.
    segments, segment_rows: files of batch decisions, and how many decisions these are.
    """

    writers: int = 0
    entries: int = 0
    parts: int = 0
    erased: int = 0
    anchors: int = 0
    segments: int = 0
    segment_rows: int = 0
    found: int = 0
    listed: list[Discrepancy] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.found == 0

    def add(self, discrepancy: Discrepancy) -> None:
        """Count a discrepancy, and list it if there is room."""
        self.found += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(discrepancy)


class _Stored(NamedTuple):
    """A part of a record as the table has it; all None where it has none."""

    salt: Any
    body: Any
    subject: Any


@dataclass(slots=True)
class _Place:
    """Where the check is: the entry that was read last."""

    seq: int = 0
    about: str = ""


def verify(
    connection: Connection,
    anchors: Iterable[Anchor] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Check everything in the snapshot that `connection` is in, in one pass and constant memory.

    `progress` is told now and then how many entries were read.
    """
    done, known = Verification(), _writers(connection)
    anchored = _by_writer(anchors)
    done.anchors = sum(map(len, anchored.values()))
    check = _Check(done, Erasures(connection), progress)
    for writer, group in groupby(_rows(connection), key=lambda pair: pair[0].writer):
        check.chain(writer, group, anchored.pop(writer, {}))
        if writer not in known:
            done.add(Discrepancy(writer, 0, "", "the writer is missing from the table writers"))
        done.writers += 1
    for writer, missing in anchored.items():
        done.add(Discrepancy(writer, max(missing), "", "the writer was anchored and has no entry any more"))
    for writer, seq, part in connection.execute(_ORPHANS):
        done.add(
            Discrepancy(writer, seq, "", f"a record's part {part!r} belongs to no entry: it was put there")
        )
    return done


class _Check:
    """Checks one chain after the other into `done`."""

    def __init__(self, done: Verification, erasures: Erasures, progress: Callable[[int], None]) -> None:
        self._done = done
        self._erasures = erasures
        self._progress = progress

    def chain(
        self, writer: str, pairs: Iterable[tuple[Row, list[_Stored]]], anchored: dict[int, Anchor]
    ) -> None:
        """Check the entries of one writer, their records, and that the chain reaches its anchors."""
        place = _Place()
        for found in breaks(self._looked_at(pairs, anchored, place), Head(writer)):
            # A break is told before the next entry is read, so that this is the entry it was found at.
            self._done.add(Discrepancy(str(writer), found.seq, place.about, found.why))
        for seq, anchor in sorted(anchored.items()):
            why = f"entry {seq} was anchored{_when(anchor)} and is missing"
            cut = f"{why}: the chain ends at entry {place.seq}" if seq > place.seq else why
            self._done.add(Discrepancy(writer, seq, "", cut))

    def _looked_at(
        self, pairs: Iterable[tuple[Row, list[_Stored]]], anchored: dict[int, Anchor], place: _Place
    ) -> Iterator[Row]:
        for row, stored in pairs:
            place.about = str(row.about)
            self._done.entries += 1
            if self._done.entries % ROWS_AT_ONCE == 0:
                self._progress(self._done.entries)
            # Only SQLite lets text stand in a column of numbers.
            if type(row.seq) is not int:
                self._tell(row, 0, "its seq is not a number")
                continue
            place.seq = row.seq
            anchor = anchored.pop(row.seq, None)
            if anchor is not None and anchor.head.hash != row.hash:
                self._tell(row, row.seq, f"it is not the entry that was anchored{_when(anchor)}")
            self._parts(row, stored)
            yield row if type(row.hash) is bytes else row._replace(hash=b"")

    def _parts(self, row: Row, stored: list[_Stored]) -> None:
        for part, digest, found in zip(Part, (row.inputs_digest, row.personal_digest), stored, strict=True):
            if found.body is None:
                if digest is not None:
                    self._missing(row, part)
            elif digest is None:
                self._tell(row, row.seq, f"its record has a part {str(part)!r} that it was not written with")
            elif not _is_as_written(found, digest):
                self._tell(row, row.seq, f"its record's part {str(part)!r} is not what was written")
            else:
                self._done.parts += 1

    def _missing(self, row: Row, part: Part) -> None:
        if self._erasures.account_for(row, part):
            self._done.erased += 1
        else:
            self._tell(row, row.seq, f"its record's part {str(part)!r} is missing, and no erasure says so")

    def _tell(self, row: Row, seq: int, what: str) -> None:
        self._done.add(Discrepancy(str(row.writer), seq, str(row.about), what))


def _is_as_written(stored: _Stored, digest: bytes) -> bool:
    salt, body, subject = stored
    readable = isinstance(salt, bytes) and isinstance(body, str) and isinstance(subject, str | None)
    return readable and part_digest(salt, body, subject) == digest


def _rows(connection: Connection) -> Iterator[tuple[Row, list[_Stored]]]:
    endure_any_text(connection)
    # Not by the columns' types, which would fail on what somebody put there.
    for found in stream(connection, _ENTRIES):
        yield Row(*found[:17]), [_Stored(*found[17:20]), _Stored(*found[20:23])]


def endure_any_text(connection: Connection) -> None:
    """Have SQLite give text that is no UTF-8, which was not written by us: it is to be told, not to end the reading."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.text_factory = _readable


def _readable(content: bytes) -> str:
    return content.decode(errors="replace")


def _writers(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT id FROM writers")).scalars())


def _by_writer(anchors: Iterable[Anchor]) -> dict[str, dict[int, Anchor]]:
    found: dict[str, dict[int, Anchor]] = {}
    for anchor in anchors:
        # Of two that contradict one another, one is not in the log either way.
        found.setdefault(anchor.head.writer, {})[anchor.head.seq] = anchor
    return found


def _when(anchor: Anchor) -> str:
    return f" at {anchor.at}" if anchor.at else ""


_ENTRIES = text(
    f"""SELECT {", ".join(f"e.{name}" for name in Row._fields)},
        i.salt, i.body, i.subject, p.salt, p.body, p.subject
    FROM entries e
    LEFT JOIN records i ON i.writer = e.writer AND i.seq = e.seq AND i.part = 'inputs'
    LEFT JOIN records p ON p.writer = e.writer AND p.seq = e.seq AND p.part = 'personal'
    ORDER BY e.writer, e.seq"""  # noqa: S608  # the names are our own
)
_ORPHANS = text(
    """SELECT r.writer, r.seq, r.part FROM records r
    LEFT JOIN entries e ON e.writer = r.writer AND e.seq = r.seq
    WHERE e.writer IS NULL OR r.part NOT IN ('inputs', 'personal') LIMIT 1000"""
)
