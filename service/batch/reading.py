"""Which files can be read, by the ending of their name, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, TypeAlias

import pyarrow as pa

from service.batch.arrow_file import arrow_records
from service.batch.csv_file import csv_records
from service.batch.dialect import DETECTED, Dialect
from service.batch.jsonl_file import jsonl_records
from service.batch.parquet_file import parquet_records
from service.batch.partitions import with_partitions
from service.batch.records import Records, complaint, shortened
from service.batch.text_stream import Source
from service.errors import UnreadableInput
from service.scoring.contract import Contract
from service.scoring.validation import TableInvalid, Validator

Reader: TypeAlias = Callable[[Source, Contract, Dialect, int], AbstractContextManager[Records]]

READERS: dict[str, Reader] = {
    ".csv": csv_records,
    ".csv.gz": partial(csv_records, gzipped=True),
    ".tsv": partial(csv_records, usual="\t"),
    ".tsv.gz": partial(csv_records, usual="\t", gzipped=True),
    ".parquet": parquet_records,
    ".jsonl": jsonl_records,
    ".jsonl.gz": partial(jsonl_records, gzipped=True),
    ".ndjson": jsonl_records,
    ".ndjson.gz": partial(jsonl_records, gzipped=True),
    ".arrow": arrow_records,
    ".feather": arrow_records,
}
NO_PARTITIONS: Mapping[str, str] = MappingProxyType({})
# So many unknown columns are told one by one.
MOST_UNKNOWN = 20
STANDARD_INPUT = "standard input"


@contextmanager
def open_records(
    path: Path,
    validator: Validator,
    *,
    name: str | None = None,
    dialect: Dialect = DETECTED,
    partitions: Mapping[str, str] = NO_PARTITIONS,
    first_row: int = 1,
) -> Iterator[Records]:
    """Open a file whose columns, with those in its folders' names, are those of the contract.

    `name` is what it is called, and its ending says how it is read; `first_row`, from 1, is where a block begins.
    Raises `UnreadableInput`, which names the file and what is wrong: at once for the header, later for a record.
    """
    source = Source(name or str(path), path)
    reader = _reader_of(source.name)
    _expect_file(source.name, path)
    with reader(source, validator.contract, dialect, first_row - 1) as found:
        records = with_partitions(source.name, found, validator.contract, partitions)
        if (first_row - 1) % records.rows_per_block:
            raise ValueError(f"no block begins at row {first_row}: each has {records.rows_per_block} rows")
        _expect_columns(source.name, records, validator)
        yield records


@contextmanager
def open_stream(
    stream: BinaryIO, ending: str, validator: Validator, dialect: Dialect = DETECTED
) -> Iterator[Records]:
    """Open what comes through a pipe, in the format that a file of this ending would have; it is read once.

    Raises `UnreadableInput` as for a file, and `WrongUse` for a format that cannot be read so.
    """
    source = Source(STANDARD_INPUT, stream)
    with _reader_of(ending)(source, validator.contract, dialect, 0) as records:
        _expect_columns(source.name, records, validator)
        yield records


def _reader_of(name: str) -> Reader:
    for ending, reader in READERS.items():
        if name.lower().endswith(ending):
            return reader
    raise UnreadableInput(f"{name}: its name must end in one of: {', '.join(READERS)}")


def _expect_file(name: str, path: Path) -> None:
    if not path.exists():
        raise UnreadableInput(f"{name} does not exist")
    if not path.is_file():
        raise UnreadableInput(
            f"{name} is {'a folder' if path.is_dir() else 'no regular file'}; name one file"
        )


def _expect_columns(name: str, records: Records, validator: Validator) -> None:
    contract, names = validator.contract, records.schema.names
    known = len(contract.columns) + len(contract.ignored) + 1
    if len(names) > known + MOST_UNKNOWN:
        raise UnreadableInput(
            f"{name} has {len(names):,} columns ({', '.join(map(shortened, names[:3]))}, …), and {contract.use_case} "
            f"knows {known}; is it the right file, and is its first line the header?"
        )
    try:
        validator.check_table(records.schema.empty_table(), text=records.text)
    except TableInvalid as error:
        raise UnreadableInput(f"{name}: {error}") from None
    except pa.ArrowNotImplementedError as error:
        raise UnreadableInput(
            f"{name} has a column of a type that cannot be read: {complaint(error)}"
        ) from None
