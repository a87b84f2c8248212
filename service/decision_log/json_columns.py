"""Parts of records, which the log keeps as JSON, as columns."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from service.scoring.contract import Column, ColumnType


def json_columns(bodies: Sequence[str | None], columns: Sequence[Column]) -> dict[str, Any]:
    """Return some columns of JSON records (rows,); None is a record of which nothing is left."""
    if not columns:
        return {}
    types = {column.name: type_of(column) for column in columns}
    lines = "\n".join([body or "{}" for body in bodies]).encode()
    # What is read is declared: Arrow would take text that looks like a time for one.
    options = pj.ParseOptions(
        explicit_schema=pa.schema(list(types.items())), unexpected_field_behavior="ignore"
    )
    at_once = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    try:
        table = pj.read_json(io.BytesIO(lines), read_options=at_once, parse_options=options)
    except pa.ArrowInvalid:
        # An id may be a number here and text there, which Arrow's reader does not take.
        found = [json.loads(body or "{}") for body in bodies]
        return {name: _mixed([record.get(name) for record in found], kind) for name, kind in types.items()}
    return {name: table.column(name) for name in types}


def type_of(column: Column) -> pa.DataType:
    """Return the type that a column's JSON is read as."""
    if column.is_numeric or any(isinstance(level, int) for level in column.levels):
        return pa.float64()
    return pa.bool_() if column.type is ColumnType.BOOLEAN else pa.string()


def _mixed(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
