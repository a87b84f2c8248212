"""Refused rows as a table: which row, what is wrong with it, and the row itself, so that it can be mended."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa

from service.batch.records import Records
from service.scoring.findings import quote
from service.scoring.validation import CheckedTable


def quarantine_schema(*, several: bool) -> pa.Schema:
    """Return the columns of a quarantine file; with several inputs in it, each row names its own."""
    schema = pa.schema({"row": pa.int64(), "errors": pa.string(), "record": pa.string()})
    return schema.insert(0, pa.field("file", pa.string())) if several else schema


def quarantine_table(
    records: Records, block: pa.Table, checked: CheckedTable, first_row: int, file: str | None
) -> pa.Table:
    """Return one line per refused row: `row`, `errors` (a JSON list of findings), `record` (a JSON object)."""
    findings = checked.findings()
    errors = [_json([item.as_json() for item in items]) for items in findings.values()]
    refused = _records(records.as_found(block.take(pa.array(list(findings), pa.int64()))))
    rows = [row + first_row for row in findings]
    columns: list[Any] = [rows, errors, refused]
    if file is not None:
        columns.insert(0, [file] * len(rows))
    return pa.table(columns, schema=quarantine_schema(several=file is not None))


def _records(table: pa.Table) -> list[str]:
    names = table.column_names
    cells = [_cells(column) for column in table.columns]
    return [_json(dict(zip(names, row, strict=True))) for row in zip(*cells, strict=True)]


def _cells(column: pa.ChunkedArray) -> list[Any]:
    """Return values that JSON has; anything else as text."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_duration(kind):
        # Python's own times end with the year 9999; a column that nobody looks at may go beyond.
        return column.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
    values = column.to_pylist()
    if pa.types.is_floating(kind):
        return [value if value is None or math.isfinite(value) else quote(value) for value in values]
    if pa.types.is_union(kind):
        return [
            quote(value) if isinstance(value, float) and not math.isfinite(value) else value
            for value in values
        ]
    if pa.types.is_nested(kind):
        return [value if value is None else str(value) for value in values]
    return values  # type: ignore[no-any-return]


def _json(value: Any) -> str:
    # JSON can escape half a surrogate pair, which no file can hold.
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
