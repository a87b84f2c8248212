"""Tables written row by row to a file that appears elsewhere only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

Write: TypeAlias = Callable[[pa.Table], None]
Writer: TypeAlias = Callable[[Path, pa.Schema], AbstractContextManager[Write]]


@contextmanager
def csv_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Write CSV with a header; numbers have as many digits as it takes to read back the same bits."""
    with _durable(path) as file:
        file.write(_csv(schema.empty_table(), header=True))

        def write(table: pa.Table) -> None:
            file.write(_csv(table, header=False))

        yield write


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Write Parquet; each table becomes a row group."""
    with _durable(path) as file:
        # Without Arrow's own schema, text that was written by dictionary is read back as text.
        writer = pq.ParquetWriter(file, schema, store_schema=False)
        try:
            yield writer.write_table
        except BaseException:
            writer.is_open = False  # closing would write a footer, and fail again where writing failed
            raise
        writer.close()


WRITERS: dict[str, Writer] = {".csv": csv_writer, ".parquet": parquet_writer}


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file durably."""
    with _durable(path) as file:
        file.write(content)


@contextmanager
def _durable(path: Path) -> Iterator[BinaryIO]:
    """A new file that is on the disk when it is closed, so that a power cut cannot leave its name without content."""
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


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
