"""Parquet as records, in the types that the file declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from service.batch.records import READ_ERRORS, Records, complaint, sliced
from service.errors import UnreadableInput
from service.scoring.contract import Contract
from service.scoring.scorer import ROWS_PER_BLOCK

BUFFER_BYTES = 2**20


@contextmanager
def parquet_records(source: Path, _: Contract) -> Iterator[Records]:
    """Open a Parquet file; raises `UnreadableInput` when it is damaged or none."""
    with _readable(source):
        # Without these two, whole row groups are held in memory, and a file may be one row group.
        file = pq.ParquetFile(
            str(source), pre_buffer=False, buffer_size=BUFFER_BYTES, page_checksum_verification=True
        )
        schema = file.schema_arrow
    with file:
        yield Records(schema, _blocks(source, file), text=False)


def _blocks(source: Path, file: pq.ParquetFile) -> Iterator[pa.Table]:
    rows, promised = 0, file.metadata.num_rows
    with _readable(source):
        for batch in file.iter_batches(batch_size=ROWS_PER_BLOCK):
            batch.validate(full=True)
            rows += batch.num_rows
            yield from sliced(batch)
    if rows != promised:
        raise UnreadableInput(f"{source}: its footer promises {promised:,} rows, and {rows:,} were found")


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise UnreadableInput(f"{source}: cannot be read as Parquet: {complaint(error)}") from None
