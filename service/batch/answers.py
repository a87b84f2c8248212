"""What stands in the outputs of a run, read back to be counted again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from service.batch.quarantine import quarantine_schema

ROWS = 65_536
# The longest record that can be read is 8 MiB, and its quotes are doubled twice in a quarantine file.
_LONGEST_ROW = 64 * 2**20
ANSWERS = pa.schema(
    {
        "file": pa.string(),
        "row": pa.int64(),
        "probability": pa.float64(),
        "decision": pa.string(),
        "model": pa.string(),
        "policy": pa.string(),
        "contract": pa.string(),
    }
)
REFUSED = pa.schema([field for field in quarantine_schema(several=True) if field.name != "record"])


def answers_in(path: Path, name: str) -> Iterator[pa.Table]:
    """Yield the answers of an output, some rows at a time; `file` is null where there is no such column.

    Raises `ValueError`, `OSError` or what pyarrow raises for a file that no run has written.
    """
    ending = next((ending for ending in _READERS if name.endswith(ending)), None)
    if ending is None:
        raise ValueError(f"its name ends in none of: {', '.join(_READERS)}")
    return _READERS[ending](path)


def refused_in(path: Path) -> Iterator[pa.Table]:
    """Yield the refused rows of a quarantine file, as `answers_in` does; `errors` is a JSON list."""
    return _from_csv(path, REFUSED)


def _from_parquet(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        names = [name for name in ANSWERS.names if name in file.schema_arrow.names]
        for batch in file.iter_batches(batch_size=ROWS, columns=names):
            yield _whole(pa.Table.from_batches([batch]), ANSWERS)


def _from_csv(path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    reader = pc.open_csv(
        path,
        read_options=pc.ReadOptions(block_size=_LONGEST_ROW, use_threads=False),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types=schema, include_columns=schema.names, include_missing_columns=True
        ),
    )
    with reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _from_json_lines(path: Path) -> Iterator[pa.Table]:
    with path.open("rb") as file:
        while rows := _objects(file):
            columns = {name: [row.get(name) for row in rows] for name in ANSWERS.names}
            yield pa.table(columns, schema=ANSWERS)


def _objects(file: BinaryIO) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in islice(file, ROWS)]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line is no JSON object")
    return rows


def _whole(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


_READERS: dict[str, Callable[[Path], Iterator[pa.Table]]] = {
    ".parquet": _from_parquet,
    ".csv": lambda path: _from_csv(path, ANSWERS),
    ".jsonl": _from_json_lines,
}
