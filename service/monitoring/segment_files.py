"""The decisions of batch runs, as far as they are at hand: the log says what they were, its files have the rest.

A file that is missing, or is not what the log says, is left out, and said so. What cannot be read now is counted
later, and nothing behind it before that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from service.decision_log.entries import Kind
from service.decision_log.segments.answers import PROBABILITY, ROW, probabilities, row_numbers
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Chosen, Segment, segments
from service.decision_log.segments.store import SegmentDamaged, use
from service.decision_log.tables import ENTRIES
from service.monitoring.unread import Block, OpenLog
from service.scoring.arithmetic import FloatArray

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


def find_segment(log: OpenLog, id_: str) -> Segment | None:
    """Return a segment as it was first registered; None for one of which the log has no entry that can be read."""
    return next(segments(log.connection, Chosen(ids=[id_]), tell=lambda row, why: None), None)


def registered_in(block: Block) -> list[Segment]:
    """Return the segments that a block's entries register; one that was registered before counts as it was first."""
    query = select(ENTRIES.c.about, ENTRIES.c.seq).where(*block.of_kind(Kind.SEGMENT))
    found = []
    for about, seq in block.log.connection.execute(query).all():
        segment = find_segment(block.log, about)
        if segment is not None and (segment.row.writer, segment.row.seq) == (block.writer, seq):
            found.append(segment)
    return found


def of_file(log: OpenLog, segment: Segment, work: Callable[[Segment, Path], T]) -> T | None:
    """Return what `work` makes of a segment's file, None for one that is missing or is not what the log says.

    Whatever else the place or the log raises ends the step, which is then tried again.
    """
    try:
        return use(log.store, segment, work)
    except SegmentDamaged as error:
        _LOG.warning(
            "the batch decisions of segment %s are counted without their file: %s", segment.id, error
        )
        return None


def probabilities_of(log: OpenLog, segment: Segment, rows: npt.NDArray[np.int64]) -> FloatArray:
    """Return P(bad) (rows,) of some rows of a segment, by their numbers in order; NaN where that is not to be had."""
    found = of_file(log, segment, lambda _, path: _looked_up(path, rows))
    return np.full(len(rows), np.nan) if found is None else found


def sum_of_probabilities(log: OpenLog, segment: Segment) -> float | None:
    """Return the sum of P(bad) over a segment's rows, None where its file is not to be had."""

    def total(_: Segment, path: Path) -> float:
        return float(sum(probabilities(block).sum() for block in blocks(path, [PROBABILITY])))

    return of_file(log, segment, total)


def _looked_up(path: Path, rows: npt.NDArray[np.int64]) -> FloatArray:
    found = np.full(len(rows), np.nan)
    for block in blocks(path, [ROW, PROBABILITY]):
        numbers = row_numbers(block)
        places = np.searchsorted(numbers, rows)
        here = (places < len(numbers)) & (numbers[np.minimum(places, len(numbers) - 1)] == rows)
        found[here] = probabilities(block)[places[here]]
    return found
