"""Batch decisions, made once more: a block of a segment at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.decision_log.entries import Part
from service.decision_log.reading import reading
from service.decision_log.segments.answers import ROW, row_numbers
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Chosen, Segment, segments
from service.decision_log.segments.store import SegmentDamaged, SegmentStore, use
from service.replay.comparing import differences
from service.replay.loading import Loaded, Loader, loaded
from service.replay.results import Difference, Replayed
from service.scoring.scorer import Scorer

# Told of every difference; where there is none, differences are counted and a few of them listed.
Each = Callable[[Difference], None] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which batch decisions: those of some segments, or of one segment one row alone."""

    chosen: Chosen = field(default_factory=Chosen)
    row: int | None = None

    def count(self, segment: Segment) -> int:
        """Return how many decisions of a segment are meant."""
        return segment.facts.rows if self.row is None else 1

    def of(self, block: pa.Table) -> pa.Table:
        """Return the rows of a block that are meant."""
        return block if self.row is None else block.filter(pc.equal(block.column(ROW), self.row))


def replay_segments(
    store: SegmentStore,
    asked: Asked,
    load: Loader,
    *,
    reasons: bool = True,
    each: Each = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Score the records of batch decisions again and compare probability, decision and, where there are any, reasons.

    As `replay`, whose counterpart this is. Decisions of a segment whose file is not what the log says it is are
    unavailable.
    """
    done = Replayed()
    scorers = cache(partial(loaded, load))
    with reading(store.address) as connection:
        for segment in segments(connection, asked.chosen):
            by = scorers(segment.row.model, segment.row.policy)
            found, told = _replayed(store, segment, asked, by, _Telling(reasons, each is not None))
            done.join(found)
            if each is not None:
                tell_all(each, told)
            progress(done.decisions)
    return done


def tell_all(each: Callable[[Difference], None], told: Iterable[Difference]) -> None:
    """Tell differences one by one."""
    for item in told:
        each(item)


def left_of(segment: Segment, block: pa.Table, needs: frozenset[Part]) -> pa.Table:
    """Return the rows of a block of which no part that is needed was erased."""
    gone: set[int] = set()
    for part in needs & segment.erased.keys():
        rows = segment.erased[part]
        if rows is None:
            return block.slice(0, 0)
        gone |= rows
    return block if not gone else block.filter(pa.array(~np.isin(row_numbers(block), list(gone))))


@dataclass(frozen=True, slots=True)
class _Telling:
    """Whether reasons are compared, and whether every difference is to be told."""

    reasons: bool
    all: bool


def _replayed(
    store: SegmentStore, segment: Segment, asked: Asked, by: Loaded, telling: _Telling
) -> tuple[Replayed, list[Difference]]:
    if by.scorer is None:
        return _unavailable(asked.count(segment), by.why_not), []
    try:
        return use(
            store, segment, partial(_replay_file, asked=asked, by=by, scorer=by.scorer, telling=telling)
        )
    except SegmentDamaged as error:
        return _unavailable(asked.count(segment), str(error)), []


def _unavailable(count: int, why: str) -> Replayed:
    done = Replayed(decisions=count)
    done.unavailable[why] += count
    return done


def _replay_file(
    segment: Segment, path: Path, *, asked: Asked, by: Loaded, scorer: Scorer, telling: _Telling
) -> tuple[Replayed, list[Difference]]:
    done, told = Replayed(), list[Difference]()
    for block in map(asked.of, blocks(path)):
        left = left_of(segment, block, by.needs)
        done.decisions += block.num_rows
        done.erased += block.num_rows - left.num_rows
        found = differences(segment, left, scorer, reasons=telling.reasons)
        done.same += left.num_rows - len(found)
        for item in found:
            done.add(item)
        told += found if telling.all else ()
    return done, told
