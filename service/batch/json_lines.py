"""Tables as JSON Lines: one object per row, in UTF-8."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa


def json_lines(table: pa.Table) -> bytes:
    """Return the rows of a table, each as a line; what JSON has no word for is text."""
    if not table.num_rows:
        return b""
    keys = [json.dumps(name, ensure_ascii=False) for name in table.column_names]
    cells = [_cells(column) for column in table.columns]
    template = "{" + ", ".join(f"{key.replace('%', '%%')}: %s" for key in keys) + "}"
    return ("\n".join(template % row for row in zip(*cells, strict=True)) + "\n").encode()


def _cells(column: pa.ChunkedArray) -> list[str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind):
        return [_NULL if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_floating(kind):
        # `repr` has as many digits as it takes to read back the same bits.
        return [_NULL if value is None else _number(value) for value in column.to_pylist()]
    if pa.types.is_boolean(kind):
        return [_NULL if value is None else str(value).lower() for value in column.to_pylist()]
    return [_NULL if value is None else _text(value) for value in as_text(column).to_pylist()]


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as text, which Python's own times are too short for; any other column as it is."""
    kind = column.type
    timed = pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_duration(kind)
    return column.cast(pa.string()) if timed else column


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else _text(repr(value))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_NULL = "null"
