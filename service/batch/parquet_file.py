"""Parquet as records, in the types that the file declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from service.batch.dialect import Dialect
from service.batch.records import READ_ERRORS, Records, complaint, in_blocks, rows_per_block
from service.batch.text_stream import Source
from service.errors import UnreadableInput, WrongUse
from service.scoring.contract import Contract

BUFFER_BYTES = 2**20
# A page of a few bytes may stand for very long texts: the fewer rows are decoded, the sooner that is noticed.
ROWS_AT_ONCE = 2**14


@contextmanager
def parquet_records(source: Source, _: Contract, __: Dialect, skip: int) -> Iterator[Records]:
    """Open a Parquet file, without its first `skip` records; raises `UnreadableInput` when it is damaged or none."""
    if not isinstance(source.content, Path):
        raise WrongUse(f"{source.name}: Parquet cannot be read from a stream; name a file")
    with _readable(source.name):
        # Without these two, whole row groups are held in memory, and a file may be one row group.
        file = pq.ParquetFile(
            str(source.content), pre_buffer=False, buffer_size=BUFFER_BYTES, page_checksum_verification=True
        )
        schema = file.schema_arrow
    length = rows_per_block(len(schema))
    with file:
        yield Records(
            schema,
            in_blocks(source.name, _batches(source.name, file, skip), length),
            text=False,
            rows=file.metadata.num_rows,
            rows_per_block=length,
        )


def _batches(name: str, file: pq.ParquetFile, skip: int) -> Iterator[pa.RecordBatch]:
    groups, rest = _groups_after(file.metadata, skip)
    promised = file.metadata.num_rows - skip + rest
    rows = 0
    with _readable(name):
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, row_groups=groups):
            batch.validate(full=True)
            rows += batch.num_rows
            if rows > rest:
                yield batch.slice(max(0, rest - rows + batch.num_rows))
    if rows != max(promised, 0):
        raise UnreadableInput(f"{name}: its footer promises {promised - rows:,} rows more than were found")


def _groups_after(metadata: pq.FileMetaData, skip: int) -> tuple[list[int], int]:
    """Return the row groups from the one that holds the first row wanted, and how many rows of that to leave out."""
    first = 0
    while first < metadata.num_row_groups and metadata.row_group(first).num_rows <= skip:
        skip -= metadata.row_group(first).num_rows
        first += 1
    return list(range(first, metadata.num_row_groups)), skip


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        text = complaint(error)
        if "crypt" in text:
            raise UnreadableInput(f"{name} is encrypted; decrypt it first") from None
        raise UnreadableInput(f"{name}: cannot be read as Parquet: {text}") from None
