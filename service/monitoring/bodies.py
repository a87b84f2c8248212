"""Logged records in columns: JSON read by the types that the contract declares."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from service.scoring.contract import Column, ColumnType


def read_bodies(bodies: Sequence[str | None], columns: Sequence[Column]) -> dict[str, Any]:
    """Return these columns of JSON records (rows,), None being one of which nothing is left.

    What is of another type, because the record was decided under another contract, is there as text.
    """
    types = {column.name: _type_of(column) for column in columns}
    lines = "\n".join([body or "{}" for body in bodies]).encode()
    options = pj.ParseOptions(
        explicit_schema=pa.schema(list(types.items())), unexpected_field_behavior="ignore"
    )
    at_once = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    try:
        table = pj.read_json(io.BytesIO(lines), read_options=at_once, parse_options=options)
    except pa.ArrowInvalid:
        found = [json.loads(body or "{}") for body in bodies]
        return {name: _as(kind, [record.get(name) for record in found]) for name, kind in types.items()}
    return {name: table.column(name) for name in types}


def _as(kind: pa.DataType, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _type_of(column: Column) -> pa.DataType:
    if column.is_numeric or any(isinstance(level, int) for level in column.levels):
        return pa.float64()
    return pa.bool_() if column.type is ColumnType.BOOLEAN else pa.string()
