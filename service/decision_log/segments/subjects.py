"""Whom batch decisions are about: found by ids, in the records of segments that still have their personal part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.decision_log.entries import Part
from service.decision_log.reading import reading
from service.decision_log.segments.answers import ROW
from service.decision_log.segments.decisions import decision_id
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Chosen, segments
from service.decision_log.segments.store import SegmentStore, use
from service.decision_log.segments.table import PREFIXES
from service.decision_log.subjects import Ids, id_text

# Ids by the names of their columns: rows of `wanted` by the values that they have there.
_Wanted = dict[tuple[str, ...], dict[tuple[str, ...], list[int]]]


def find_batch_abouts(
    store: SegmentStore,
    wanted: Sequence[Ids],
    *,
    use_case: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[set[str]]:
    """Return for each of `wanted` the batch decisions whose records have all of these ids.

    Every segment is read, its ids alone. Raises `SegmentDamaged`. `progress` is told how many decisions were read.
    """
    found: list[set[str]] = [set() for _ in wanted]
    asked = _asked(wanted)
    read = 0
    with reading(store.address) as connection:
        for segment in segments(connection, Chosen(use_case)) if asked else ():
            for place, row in use(store, segment, lambda _, path: list(_matches(path, asked))):
                found[place].add(decision_id(segment.id, row))
            read += segment.facts.rows
            progress(read)
    return found


def _asked(wanted: Sequence[Ids]) -> _Wanted:
    asked: _Wanted = {}
    for place, ids in enumerate(wanted):
        names = tuple(sorted(ids))
        if names:
            asked.setdefault(names, {}).setdefault(tuple(ids[name] for name in names), []).append(place)
    return asked


def _matches(path: Path, asked: _Wanted) -> Iterator[tuple[int, int]]:
    """Yield which of the wanted is which row of a segment."""
    there = set(pq.read_schema(path).names)
    columns = {names: [PREFIXES[Part.PERSONAL] + name for name in names] for names in asked}
    columns = {names: some for names, some in columns.items() if there.issuperset(some)}
    if not columns:
        return
    needed = sorted({name for some in columns.values() for name in some})
    for block in blocks(path, [ROW, *needed]):
        texts = {name: _id_texts(block.column(name)) for name in needed}
        for names, some in columns.items():
            yield from _in_block(block, [texts[name] for name in some], asked[names])


def _in_block(
    block: pa.Table, texts: list[pa.Array], by_values: dict[tuple[str, ...], list[int]]
) -> Iterator[tuple[int, int]]:
    # What has any other value in any of its ids is out before Python looks at it.
    candidate = np.ones(block.num_rows, np.bool_)
    for position, column in enumerate(texts):
        values = pa.array(sorted({key[position] for key in by_values}), column.type)
        candidate &= pc.is_in(column, values).to_numpy(zero_copy_only=False)
    rows = pa.array(np.flatnonzero(candidate))
    numbers = block.column(ROW).take(rows).to_pylist()
    for number, *key in zip(numbers, *(column.take(rows).to_pylist() for column in texts), strict=True):
        for place in by_values.get(tuple(key), ()):
            yield place, number


def _id_texts(cells: pa.ChunkedArray) -> pa.Array:
    """Return ids as `id_text` writes them, null where there is none."""
    array = cells.combine_chunks()
    if pa.types.is_integer(array.type):
        return array.cast(pa.large_string())
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return pc.replace_substring_regex(array.cast(pa.large_string()), r"^(0|-?[1-9][0-9]*)\.0$", r"\1")
    return pa.array([_text(value) for value in array.to_pylist()], pa.large_string())


def _text(value: object) -> str | None:
    return None if value is None else id_text(value)
