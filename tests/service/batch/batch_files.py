"""Files of records in every format, and what is read back from them."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.batch.dialect import DETECTED, Dialect
from service.batch.reading import open_records
from service.batch.records import Records
from service.errors import UnreadableInput
from service.scoring.contract import Column, Contract
from service.scoring.validation import CheckedTable, Validator
from tests.service.batch.batch_scorers import CONTRACT, write_records

ENDINGS = (
    ".csv",
    ".csv.gz",
    ".tsv",
    ".tsv.gz",
    ".parquet",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
    ".arrow",
    ".feather",
)


def write_as(path: Path, table: pa.Table) -> Path:
    """Write records as the file's name says."""
    name = path.name
    if name.endswith((".csv", ".csv.gz", ".parquet")):
        return write_records(path, table)
    if name.endswith((".tsv", ".tsv.gz")):
        write_records(path.with_name("commas.csv"), table)
        content = path.with_name("commas.csv").read_bytes()
        assert b"\t" not in content
        path.with_name("commas.csv").unlink()
        lines = content.decode().replace('"a, b"', "a\0 b").replace(",", "\t").replace("\0", ",").encode()
        path.write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)
    elif "json" in name:
        path.write_bytes(gzip.compress(json_bytes(table)) if name.endswith(".gz") else json_bytes(table))
    else:
        path.write_bytes(arrow_bytes(table, stream=name.endswith(".feather")))
    return path


def json_bytes(table: pa.Table) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


def arrow_bytes(table: pa.Table, *, stream: bool, rows: int = 100) -> bytes:
    buffer = io.BytesIO()
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with opened(buffer, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return buffer.getvalue()


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **{"write_page_checksum": True, **options})
    return buffer.getvalue()


def blocks_of(path: Path, contract: Contract = CONTRACT, **options: Any) -> tuple[Records, list[pa.Table]]:
    """Read a file to its end."""
    with open_records(path, Validator(contract), **options) as records:
        return records, list(records.blocks)


def checked(path: Path, contract: Contract = CONTRACT, **options: Any) -> list[CheckedTable]:
    """Read a file and hold each block against the contract."""
    records, blocks = blocks_of(path, contract, **options)
    return [Validator(contract).check_table(block, text=records.text) for block in blocks]


def column_of(path: Path, name: str, dialect: Dialect = DETECTED, **options: Any) -> list[Any]:
    """Return the cells of one column as they stand in the file."""
    records, blocks = blocks_of(path, dialect=dialect, **options)
    return [cell for block in blocks for cell in records.as_found(block).column(name).to_pylist()]


def with_column(column: Column) -> Contract:
    """The contract with one column more."""
    return Contract.model_validate({**CONTRACT.model_dump(), "columns": (*CONTRACT.columns, column)})


def refusal(path: Path, **options: Any) -> str:
    """Read what cannot be read, and return the error's text without the folder."""
    with pytest.raises(UnreadableInput) as caught:
        blocks_of(path, **options)
    return str(caught.value).replace(f"{path.parent}/", "")
