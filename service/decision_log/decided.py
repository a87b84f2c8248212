"""Decisions in columns, however they were logged: those answered online, and those of batch runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Select, and_, literal, null, select

from service.decision_log.entries import Kind, Part
from service.decision_log.json_columns import json_columns, type_of
from service.decision_log.reading import reading
from service.decision_log.segments.answers import decision_codes, probabilities, row_numbers
from service.decision_log.segments.decisions import decision_id
from service.decision_log.segments.segment import Chosen, Segment, segments
from service.decision_log.segments.store import SegmentStore, use
from service.decision_log.segments.table import records
from service.decision_log.tables import ENTRIES, RECORDS
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, Contract
from service.scoring.policy import DECISIONS

# More at once cost more each: they leave the processor's caches, and the garbage collector looks through them all.
_ROWS_AT_ONCE = 2_000
_CODES = {str(decision): code for code, decision in enumerate(DECISIONS)}


@dataclass(frozen=True, slots=True)
class Versions:
    """What a decision was made by."""

    model: str
    policy: str
    contract: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions of the same versions, in columns.

    about: their ids. at (rows,): microseconds since 1970, UTC; of a batch decision, when its run was registered.
    decisions (rows,): positions in `DECISIONS`. records: what is left of their records, every column that was asked
    for; null where a record has none. `text` says that cells are text, as in a CSV file. erased (rows,): whether
    anything was erased that the model's inputs come from. batch: whether they are of a batch run.
    """

    by: Versions
    about: Sequence[str]
    at: npt.NDArray[np.int64]
    probabilities: FloatArray
    decisions: npt.NDArray[np.int8]
    records: pa.Table
    text: bool
    erased: npt.NDArray[np.bool_]
    batch: bool

    @property
    def rows(self) -> int:
        """How many decisions these are."""
        return len(self.about)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in microseconds since 1970, UTC; `until` is exclusive."""

    since: int
    until: int


def decided(
    store: SegmentStore, contract: Contract, span: Span, columns: Collection[str] | None = None
) -> Iterator[Decided]:
    """Yield the decisions of a use case in blocks of some thousand: the online ones in the order of time, then those
    of batch runs, as the log is at this moment.

    columns: of the contract, to be read of the records; None for all. Of each two thousand decisions that follow one
    another, those of the same versions stand together. Raises `LogRefused` for a log that cannot be read,
    `SegmentDamaged` for a run's file that is not what the log has.
    """
    with reading(store.address) as connection:
        yield from decided_in(connection, store, contract, span, columns)


def decided_in(
    connection: Connection,
    store: SegmentStore,
    contract: Contract,
    span: Span,
    columns: Collection[str] | None = None,
) -> Iterator[Decided]:
    """Yield what `decided` does, as an open log holds it."""
    wanted = _wanted(contract, columns)
    yield from _online(connection, wanted, span)
    for segment in segments(connection, Chosen(contract.use_case, span.since, span.until)):
        yield from _of_segment(store, segment, wanted)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Columns to read, by the part of a record that they are in; and the parts that a model's inputs come from."""

    contract: Contract
    columns: dict[Part, list[Column]]
    needs: frozenset[Part]

    @property
    def read(self) -> list[Part]:
        """The parts to read."""
        return [part for part in Part if self.columns[part] or part in self.needs]


def _wanted(contract: Contract, columns: Collection[str] | None) -> _Wanted:
    features = contract.feature_names
    asked = [column for column in contract.columns if columns is None or column.name in columns]
    # A time makes inputs of the model; ids and protected columns never do.
    timed = any(name not in features for item in contract.derived for name in item.of)
    return _Wanted(
        contract,
        {
            Part.INPUTS: [column for column in asked if column.name in features],
            Part.PERSONAL: [column for column in asked if column.name not in features],
        },
        frozenset(Part) if timed else frozenset({Part.INPUTS}),
    )


def _online(connection: Connection, wanted: _Wanted, span: Span) -> Iterator[Decided]:
    query = _query(wanted, span)
    with connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as result:
        for rows in result.partitions():
            versions, columns = _turned(rows)
            for by in sorted(set(versions)):
                yield _of_entries(Versions(*by), _those(columns, versions, by), wanted)


def _turned(rows: Sequence[Any]) -> tuple[list[tuple[str, ...]], list[tuple[Any, ...]]]:
    """Return the versions of each row, and the other columns."""
    columns = list(zip(*rows, strict=True))
    return list(zip(*columns[:3], strict=True)), columns[3:]


def _those(
    columns: list[tuple[Any, ...]], versions: Sequence[tuple[str, ...]], by: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    """Return the columns of the rows that these versions made, which mostly are all of them."""
    if versions.count(by) == len(versions):
        return columns
    chosen = [version == by for version in versions]
    return [tuple(compress(column, chosen)) for column in columns]


def _query(wanted: _Wanted, span: Span) -> Select[Any]:
    """Return the query of versions, answers, and for each part its body and whether there was one."""
    names = ("model", "policy", "contract", "about", "at", "probability", "decision")
    bodies: list[Any] = []
    joined: Any = ENTRIES
    for part in Part:
        if part not in wanted.read:
            bodies += [null(), literal(False)]
            continue
        table = RECORDS.alias(str(part))
        same = and_(table.c.writer == ENTRIES.c.writer, table.c.seq == ENTRIES.c.seq)
        joined = joined.outerjoin(table, and_(same, table.c.part == str(part)))
        bodies += [table.c.body, ENTRIES.c[f"{part}_digest"].is_not(None)]
    return (
        select(*(ENTRIES.c[name] for name in names), *bodies)
        .select_from(joined)
        .where(ENTRIES.c.use_case == wanted.contract.use_case, ENTRIES.c.kind == str(Kind.DECISION))
        .where(ENTRIES.c.at >= span.since, ENTRIES.c.at < span.until)
        .order_by(ENTRIES.c.at)
    )


def _of_entries(by: Versions, given: Sequence[tuple[Any, ...]], wanted: _Wanted) -> Decided:
    about, at, scores, names, *bodies = given
    rows = len(about)
    erased = np.zeros(rows, np.bool_)
    columns: dict[str, Any] = {}
    for part, found, was_there in zip(Part, bodies[::2], bodies[1::2], strict=True):
        columns |= json_columns(found, wanted.columns[part])
        if part in wanted.needs:
            gone = [body is None and there for body, there in zip(found, was_there, strict=True)]
            erased |= np.array(gone, np.bool_)
    return Decided(
        by=by,
        about=about,
        at=np.array(at, np.int64),
        probabilities=np.array(scores, np.float64),
        decisions=np.array([_CODES[name] for name in names], np.int8),
        records=_table(columns, rows, wanted),
        text=False,
        erased=erased,
        batch=False,
    )


def _table(columns: dict[str, Any], rows: int, wanted: _Wanted) -> pa.Table:
    """Return the columns that are wanted, in the contract's order; one that is not there is null."""
    names = {column.name: column for part in Part for column in wanted.columns[part]}
    ordered = [column for column in wanted.contract.columns if column.name in names]
    found = {
        column.name: columns[column.name] if column.name in columns else pa.nulls(rows, type_of(column))
        for column in ordered
    }
    # A table of no columns has no rows either.
    return pa.table(found) if found else pa.table({"": pa.nulls(rows)}).select([])


def _of_segment(store: SegmentStore, segment: Segment, wanted: _Wanted) -> Iterator[Decided]:
    now, file = use(store, segment, _opened)
    # An open file stays what it is, also where an erasure puts another in its place meanwhile.
    with file:
        erased = _erased_rows(now, wanted.needs)
        for group in range(file.num_row_groups):
            yield _of_block(now, file.read_row_group(group), erased, wanted)


def _opened(segment: Segment, path: Path) -> tuple[Segment, pq.ParquetFile]:
    return segment, pq.ParquetFile(path)


def _erased_rows(segment: Segment, needs: frozenset[Part]) -> frozenset[int] | None:
    """Return the rows that anything needed was erased from; None for all."""
    found: frozenset[int] = frozenset()
    for part in needs:
        rows = segment.erased.get(part, frozenset())
        if rows is None:
            return None
        found |= rows
    return found


def _of_block(segment: Segment, block: pa.Table, erased: frozenset[int] | None, wanted: _Wanted) -> Decided:
    numbers = row_numbers(block)
    found = records(block)
    return Decided(
        by=Versions(segment.row.model, segment.row.policy, segment.row.contract),
        about=[decision_id(segment.id, row) for row in numbers.tolist()],
        at=np.full(block.num_rows, segment.row.at, np.int64),
        probabilities=probabilities(block),
        decisions=decision_codes(block),
        records=_table({name: found.column(name) for name in found.column_names}, block.num_rows, wanted),
        text=segment.facts.heading.text,
        erased=np.ones(len(numbers), np.bool_) if erased is None else np.isin(numbers, list(erased)),
        batch=True,
    )
