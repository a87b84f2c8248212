"""Tables written block by block to a file that is on the disk when it is closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from service.batch.json_lines import json_lines

Write: TypeAlias = Callable[[pa.Table], None]
Writer: TypeAlias = Callable[[BinaryIO, pa.Schema], AbstractContextManager[Write]]
# Ids all differ: a dictionary of them is thrown away after it was made, and what they have in common is written once.
_ENCODED = {"decision_id": "DELTA_BYTE_ARRAY", "row": "DELTA_BINARY_PACKED"}
_SPREAD = {*_ENCODED, "probability"}
# Nobody looks for the least and the most of these, and to find them takes as long as to write them.
_NOT_RANGED = {"decision_id", "decision", "model", "policy", "contract", "file"}


@contextmanager
def csv_writer(file: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    """Write CSV with a header; numbers have as many digits as it takes to read back the same bits."""
    file.write(header_of(".csv", schema))
    yield lambda table: _write_all(file, _csv(table, header=False))


@contextmanager
def json_lines_writer(file: BinaryIO, _: pa.Schema) -> Iterator[Write]:
    """Write one JSON object per line, in UTF-8; numbers read back as the same bits."""
    yield lambda table: _write_all(file, json_lines(table))


@contextmanager
def parquet_writer(file: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    """Write Parquet; each table becomes a row group."""
    names = set(schema.names)
    # Without Arrow's own schema, text that was written by dictionary is read back as text.
    writer = pq.ParquetWriter(
        file,
        schema,
        store_schema=False,
        use_dictionary=[name for name in schema.names if name not in _SPREAD],
        column_encoding={name: encoding for name, encoding in _ENCODED.items() if name in names},
        write_statistics=[name for name in schema.names if name not in _NOT_RANGED],
    )
    try:
        yield writer.write_table
    except BaseException:
        writer.is_open = False  # closing would write a footer, and fail again where writing failed
        raise
    writer.close()


WRITERS: dict[str, Writer] = {
    ".csv": csv_writer,
    ".jsonl": json_lines_writer,
    ".parquet": parquet_writer,
}


def header_of(ending: str, schema: pa.Schema) -> bytes:
    """Return what stands before the first row in a file of this kind and belongs to none of its rows."""
    return _csv(schema.empty_table(), header=True) if ending == ".csv" else b""


@contextmanager
def durable(path: Path) -> Iterator[BinaryIO]:
    """A new file that is on the disk when it is closed, so that a power cut cannot leave its name without content."""
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_all(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def _csv(table: pa.Table, *, header: bool) -> bytes:
    """Plain where no cell needs quotes; else every text is quoted, pyarrow knowing no way between."""
    buffer = pa.BufferOutputStream()
    options = {"include_header": header, "batch_size": max(table.num_rows, 1)}
    try:
        pc.write_csv(table, buffer, pc.WriteOptions(quoting_style="none", quoting_header="none", **options))
    except pa.ArrowInvalid:
        buffer = pa.BufferOutputStream()
        pc.write_csv(
            table, buffer, pc.WriteOptions(quoting_style="needed", quoting_header="needed", **options)
        )
    return buffer.getvalue().to_pybytes()  # type: ignore[no-any-return]
