"""Which files can be read, by the ending of their name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from service.batch.csv_file import csv_records
from service.batch.parquet_file import parquet_records
from service.batch.records import Records, complaint
from service.errors import UnreadableInput
from service.scoring.contract import Contract
from service.scoring.validation import TableInvalid, Validator

Reader: TypeAlias = Callable[[Path, Contract], AbstractContextManager[Records]]

READERS: dict[str, Reader] = {
    ".csv": partial(csv_records, compression=None),
    ".csv.gz": partial(csv_records, compression="gzip"),
    ".parquet": parquet_records,
}


@contextmanager
def open_records(source: Path, validator: Validator) -> Iterator[Records]:
    """Open a file whose columns are those of the contract.

    Raises `UnreadableInput`, which names the file and what is wrong: at once for the header, later for a record.
    """
    reader = _reader_of(source)
    _expect_file(source)
    with reader(source, validator.contract) as records:
        try:
            validator.check_table(records.schema.empty_table(), text=records.text)
        except TableInvalid as error:
            raise UnreadableInput(f"{source}: {error}") from None
        except pa.ArrowNotImplementedError as error:
            raise UnreadableInput(
                f"{source} has a column of a type that cannot be read: {complaint(error)}"
            ) from None
        yield records


def _reader_of(source: Path) -> Reader:
    for ending, reader in READERS.items():
        if source.name.lower().endswith(ending):
            return reader
    raise UnreadableInput(f"{source}: its name must end in one of: {', '.join(READERS)}")


def _expect_file(source: Path) -> None:
    if not source.exists():
        raise UnreadableInput(f"{source} does not exist")
    if not source.is_file():
        raise UnreadableInput(
            f"{source} is {'a folder' if source.is_dir() else 'no regular file'}; name one file"
        )
