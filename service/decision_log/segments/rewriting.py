"""A segment's file written anew without what is to be erased; its answers stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from service.decision_log.entries import Part
from service.decision_log.segments.answers import Answers, row_numbers
from service.decision_log.segments.file import blocks, open_writer, segment_metadata
from service.decision_log.segments.segment import Segment
from service.decision_log.segments.store import SegmentDamaged
from service.decision_log.segments.table import part_of

# Numbers of rows by part; None for all of them.
Rows = Mapping[Part, frozenset[int] | None]


def rewrite(segment: Segment, path: Path, target: Path, erased: Rows) -> None:
    """Write a segment's file to `target` with nothing left of these rows' parts; `erased` has all that ever was.

    Raises `SegmentDamaged` where its answers are not those that were registered.
    """
    answers = Answers()
    schema = _without(pq.read_schema(path).empty_table(), erased).schema
    writer = open_writer(target, schema)
    try:
        for block in _rewritten(path, erased):
            answers.add(block)
            writer.write_table(block, row_group_size=block.num_rows)
        told = {part: None if rows is None else sorted(rows) for part, rows in erased.items()}
        writer.add_key_value_metadata(segment_metadata(segment.facts.heading, segment.facts.rows, told))
    finally:
        writer.close()
    if answers.hexdigest() != segment.facts.answers:
        raise SegmentDamaged(f"the answers of segment {segment.id} are not those that were registered")


def _rewritten(path: Path, erased: Rows) -> Iterator[pa.Table]:
    return (_without(block, erased) for block in blocks(path))


def _without(block: pa.Table, erased: Rows) -> pa.Table:
    numbers = row_numbers(block)
    columns = {}
    for name in block.column_names:
        part, cells = part_of(name), block.column(name)
        if part is None or part not in erased:
            columns[name] = cells
        elif (rows := erased[part]) is not None:
            columns[name] = _nulled(cells, np.isin(numbers, list(rows)))
    return pa.table(columns)


def _nulled(cells: pa.ChunkedArray, gone: npt.NDArray[np.bool_]) -> pa.ChunkedArray:
    # Taken from nowhere: that makes a null of any type.
    return cells.take(pa.array(np.arange(len(gone)), mask=gone))
