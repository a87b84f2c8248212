"""Erasure from segments: a file without the values takes the other's place, and an entry says so.

In this order, so that the log and its files agree at every moment: the new file is written, hidden; the entry says
that from now on it is the segment's file, and whose place it takes; it comes into its place; the file that it replaces
is removed. Broken off before the entry, nothing has happened; broken off after it, the file that counts is there, and
the next erasure, of whatever it may be, removes the other one. Until then `verify` says that it is still there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from service.decision_log.entries import Entry, Kind, Part
from service.decision_log.erasure import Erased, Wish
from service.decision_log.errors import LogRefused
from service.decision_log.orders import Resolution, Resolve
from service.decision_log.reading import reading
from service.decision_log.retention import Retention
from service.decision_log.scribe import Scribe
from service.decision_log.segments.by_row import NONE, code_at, unpack
from service.decision_log.segments.decisions import batch_id
from service.decision_log.segments.rewriting import rewrite
from service.decision_log.segments.segment import Chosen, Segment, segment_of, segments
from service.decision_log.segments.staging import HIDDEN, settle, staged
from service.decision_log.segments.store import SegmentStore, use
from service.places import Place
from service.places.file_facts import digest_of

LOCK = "erasing"
NOTHING: frozenset[int] = frozenset()


def erase_decisions(
    store: SegmentStore, scribe: Scribe, wish: Wish, progress: Callable[[int], None] = lambda _: None
) -> Erased:
    """Erase the records of batch decisions; ids in the wish that are none are passed over.

    Safe to break off: done again it goes on. Raises `Busy` while another erasure is at work, `SegmentDamaged` where a
    file is not what the log says it is, and `LogDown`. `progress` is told how many decisions' records were erased.
    """
    rows: dict[str, set[int]] = defaultdict(set)
    for segment, row in filter(None, map(batch_id, wish.abouts)):
        rows[segment].add(row)
    done = Erased()
    for segment, numbers in sorted(rows.items()):
        done += _erased(store, scribe, segment, partial(_asked, wish=wish, rows=numbers))
        progress(done.abouts)
    return done


def retain_segments(
    store: SegmentStore,
    scribe: Scribe,
    retention: Retention,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Erase whole parts of segments that are old enough; returns how many records lost each part."""
    with reading(store.address) as connection:
        old = [item.id for item in segments(connection, _old(retention)) if _too_old(item, retention)]
    erased = {str(part): 0 for part in retention.before}
    for segment in old:
        counts: dict[Part, int] = {}
        _erased(store, scribe, segment, partial(_aged, retention=retention, told=counts))
        for part, count in counts.items():
            erased[str(part)] += count
        progress(sum(erased.values()))
    return erased


def due_segments(connection: Connection, retention: Retention) -> dict[str, int]:
    """Return how many records of segments have each part and are too old to."""
    found = {str(part): 0 for part in retention.before}
    for segment in segments(connection, _old(retention)):
        for part in _too_old(segment, retention):
            found[str(part)] += segment.kept(part)
    return found


def finish(store: SegmentStore) -> list[str]:
    """Finish what was broken off; returns files of runs that the log does not know, from which nothing is erased.

    Raises `Busy` while another erasure is at work.
    """
    waiting = [item.name for item in store.place.list(HIDDEN)]
    listed = waiting + [item.name for item in store.place.list()]
    if not listed:
        return []
    files = Counter(_id_of(name) for name in listed)
    left = []
    with store.place.held(LOCK):
        for segment in {one for one, count in files.items() if count > 1} | set(map(_id_of, waiting)):
            if (current := store.now(segment)) is not None:
                _settle(store.place, current)
            else:
                left += [name for name in waiting if _id_of(name) == segment]
    return sorted(left)


@dataclass(frozen=True, slots=True)
class _Erasure:
    """What is to be erased from a segment: parts of some rows, None for all of them, and how many parts that is."""

    parts: tuple[Part, ...]
    rows: frozenset[int] | None
    because: str
    by: str
    now: int
    count: int

    def joined(self, segment: Segment) -> dict[Part, frozenset[int] | None]:
        """Return what will ever have been erased from the segment."""
        found = dict(segment.erased)
        for part in self.parts:
            before = found.get(part, NOTHING)
            found[part] = None if self.rows is None or before is None else before | self.rows
        return found


def _asked(segment: Segment, wish: Wish, rows: Iterable[int]) -> _Erasure | None:
    """Return what is left to be erased of these rows; None for nothing."""
    packed, first = unpack(segment.facts.by_row), segment.facts.heading.first_row
    there = frozenset(row for row in rows if code_at(packed, row - first) != NONE)
    left = {part: there - erased for part in wish.parts if (erased := _gone(segment, part)) is not None}
    parts = tuple(part for part, some in left.items() if some)
    count = sum(map(len, left.values()))
    every = NOTHING.union(*left.values())
    return _Erasure(parts, every, wish.because, wish.by, wish.now, count) if parts else None


def _aged(segment: Segment, retention: Retention, told: dict[Part, int]) -> _Erasure | None:
    """Return what of a segment is too old, and tell how many records that is by part; None for nothing."""
    told |= {part: segment.kept(part) for part in _too_old(segment, retention)}
    count = sum(told.values())
    return _Erasure(tuple(told), None, "retention", retention.by, retention.now, count) if told else None


def _gone(segment: Segment, part: Part) -> frozenset[int] | None:
    """Return the rows from which a part was erased, None for all of them."""
    return segment.erased.get(part, NOTHING) if str(part) in segment.facts.parts else None


def _old(retention: Retention) -> Chosen:
    return Chosen(retention.use_case, until=max(retention.before.values(), default=0))


def _too_old(segment: Segment, retention: Retention) -> list[Part]:
    return [part for part, at in retention.before.items() if segment.row.at < at and segment.kept(part)]


def _erased(
    store: SegmentStore, scribe: Scribe, segment: str, wanted: Callable[[Segment], _Erasure | None]
) -> Erased:
    """Erase what is wanted of a segment as it is now, and of no other one."""
    with store.place.held(LOCK):
        current = store.now(segment)
        if current is None:
            return Erased()
        _settle(store.place, current)
        erasure = wanted(current)
        if erasure is None:
            return Erased()
        sha256 = use(store, current, lambda _, path: _staged(store, current, path, erasure))
        scribe.write(_saying(current, erasure, sha256), [segment])
        _settle(store.place, store.now(segment) or current)
    rows = current.facts.rows if erasure.rows is None else len(erasure.rows)
    return Erased(rows, erasure.count)


def _staged(store: SegmentStore, segment: Segment, path: Path, erasure: _Erasure) -> str:
    """Write the segment's next file where it waits for its entry; returns its SHA-256."""
    with store.place.scratch() as folder:
        target = folder / f"{segment.id}.parquet"
        rewrite(segment, path, target, erasure.joined(segment))
        sha256 = digest_of(target)
        store.place.put(staged(segment.name_of(sha256)), target)
    return sha256


def _saying(segment: Segment, erasure: _Erasure, sha256: str) -> Resolve:
    def resolve(connection: Connection) -> Resolution:
        now = segment_of(connection, segment.id)
        if now is None or now.sha256 != segment.sha256:
            raise LogRefused(f"segment {segment.id} was erased from by somebody else meanwhile; run it again")
        return Resolution([_entry(segment, erasure, sha256)])

    return resolve


def _entry(segment: Segment, erasure: _Erasure, sha256: str) -> Entry:
    details = {
        "parts": sorted(map(str, erasure.parts)),
        "rows": None if erasure.rows is None else sorted(erasure.rows),
        "because": erasure.because,
        "by": erasure.by,
        "replaces": segment.sha256,
        "sha256": sha256,
    }
    # Not before what it accounts for, which another clock may have dated.
    at = max(erasure.now, segment.row.at)
    return Entry(kind=Kind.ERASURE, at=at, use_case=segment.row.use_case, about=segment.id, details=details)


def _settle(place: Place, segment: Segment) -> None:
    """Have the file that counts in its place, and no other one of the segment anywhere."""
    settle(place, segment.name)
    for name in map(segment.name_of, segment.superseded):
        # In this order: on its way from one to the other it would be missed.
        place.remove(staged(name))
        place.remove(name)
    for item in list(place.list(f"{HIDDEN}/{segment.row.use_case}")):
        if _id_of(item.name) == segment.id and item.name != staged(segment.name):
            place.remove(item.name)


def _id_of(name: str) -> str:
    """Return the segment that a file is of, by its name."""
    return name.rpartition("/")[2].partition("-")[0]
