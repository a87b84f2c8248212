"""Decisions in columns, however they were logged: those answered online, and those of batch runs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json as pj
from sqlalchemy import Connection, Select, and_, select

from service.decision_log.entries import Kind, Part
from service.decision_log.reading import reading
from service.decision_log.segments.answers import decision_codes, probabilities, row_numbers
from service.decision_log.segments.decisions import decision_id
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Chosen, Segment, segments
from service.decision_log.segments.store import SegmentStore, use
from service.decision_log.segments.table import records
from service.decision_log.streams import stream
from service.decision_log.tables import ENTRIES, RECORDS
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Contract
from service.scoring.policy import DECISIONS

_ROWS_AT_ONCE = 20_000
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
    decisions (rows,): positions in `DECISIONS`. records: what is left of their records, one column for each of the
    contract's that any of them has; `text` says that cells are text, as in a CSV file. erased (rows,): whose inputs
    were erased; these are null in `records`. batch: whether they are of a batch run.
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


def decided(store: SegmentStore, contract: Contract, span: Span) -> Iterator[Decided]:
    """Yield the decisions of a use case in blocks of some ten thousand: the online ones in the order of time, then
    those of batch runs.

    Raises `LogRefused` for a log that cannot be read, `SegmentDamaged` for a run's file that is not what the log has.
    """
    with reading(store.address) as connection:
        yield from _online(connection, contract, span)
        for segment in segments(connection, Chosen(contract.use_case, span.since, span.until)):
            # As a list: the file is not kept open while somebody thinks about a block.
            yield from use(store, segment, lambda now, path: list(_of_segment(now, path)))


def _online(connection: Connection, contract: Contract, span: Span) -> Iterator[Decided]:
    rows = iter(stream(connection, _query(contract.use_case, span)))
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        some.sort(key=_versions)
        for by, group in groupby(some, key=_versions):
            yield _of_entries(Versions(*by), list(group), contract)


def _versions(row: Any) -> tuple[str, str, str]:
    return row.model, row.policy, row.contract


def _query(use_case: str, span: Span) -> Select[Any]:
    inputs, personal = (RECORDS.alias(str(part)) for part in Part)
    columns = (
        ENTRIES.c[name] for name in ("about", "at", "probability", "decision", "model", "policy", "contract")
    )
    joined: Any = ENTRIES
    for part, table in zip(Part, (inputs, personal), strict=True):
        same = and_(table.c.writer == ENTRIES.c.writer, table.c.seq == ENTRIES.c.seq)
        joined = joined.outerjoin(table, and_(same, table.c.part == str(part)))
    return (
        select(*columns, inputs.c.body.label("inputs"), personal.c.body.label("personal"))
        .select_from(joined)
        .where(ENTRIES.c.use_case == use_case, ENTRIES.c.kind == str(Kind.DECISION))
        .where(ENTRIES.c.at >= span.since, ENTRIES.c.at < span.until)
        .order_by(ENTRIES.c.at, ENTRIES.c.writer, ENTRIES.c.seq)
    )


def _of_entries(by: Versions, rows: Sequence[Any], contract: Contract) -> Decided:
    features = [column for column in contract.columns if column.name in contract.feature_names]
    others = [column for column in contract.columns if column.name not in contract.feature_names]
    inputs = _table([row.inputs for row in rows], features)
    personal = _table([row.personal for row in rows], others)
    for name in personal.column_names:
        inputs = inputs.append_column(name, personal.column(name))
    return Decided(
        by=by,
        about=[row.about for row in rows],
        at=np.array([row.at for row in rows], np.int64),
        probabilities=np.array([row.probability for row in rows], np.float64),
        decisions=np.array([_CODES[row.decision] for row in rows], np.int8),
        records=inputs,
        text=False,
        erased=np.array([row.inputs is None for row in rows]),
        batch=False,
    )


def _table(bodies: Sequence[str | None], columns: Iterable[Column]) -> pa.Table:
    """Return JSON records (rows,) as a table of those of the columns that any of them has; None is all null."""
    wanted = {column.name: _type_of(column) for column in columns}
    lines = "\n".join(body or "{}" for body in bodies).encode()
    types = pa.schema([(name, kind) for name, kind in wanted.items() if kind is not None])
    options = pj.ParseOptions(explicit_schema=types)
    try:
        table = pj.read_json(
            io.BytesIO(lines),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            parse_options=options,
        )
    except pa.ArrowInvalid:
        # A column that holds numbers here and text there; Arrow's reader wants one type.
        found = [json.loads(body or "{}") for body in bodies]
        table = pa.table({name: _mixed([record.get(name) for record in found]) for name in wanted})
    kept = [name for name in table.column_names if name in wanted and table.column(name).null_count < len(bodies)]
    return table.select(kept)


def _type_of(column: Column) -> pa.DataType | None:
    """Return the type to read a column's JSON as; None where its values may be of several."""
    if column.is_numeric:
        return pa.float64()
    if column.type is ColumnType.BOOLEAN:
        return pa.bool_()
    return pa.string() if all(isinstance(level, str) for level in column.levels) else None


def _mixed(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])


def _of_segment(segment: Segment, path: Path) -> Iterator[Decided]:
    by = Versions(segment.row.model, segment.row.policy, segment.row.contract)
    erased = segment.erased.get(Part.INPUTS, frozenset())
    for block in blocks(path):
        numbers = row_numbers(block)
        yield Decided(
            by=by,
            about=[decision_id(segment.id, row) for row in numbers.tolist()],
            at=np.full(block.num_rows, segment.row.at, np.int64),
            probabilities=probabilities(block),
            decisions=decision_codes(block),
            records=records(block),
            text=segment.facts.heading.text,
            erased=np.isin(numbers, list(erased)) if erased is not None else np.ones(block.num_rows, np.bool_),
            batch=True,
        )
