"""Files of what people say of decisions, outcomes and reviews: one statement per row, read one after the other."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from service.errors import UnreadableInput

ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file; number: 1 is the first after the header. problem: why it could not be read, "" where it could.

    values: by column, as JSON has them; in text files every value is text, and an empty cell is null.
    """

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_rows(source: Path) -> Iterator[Row]:
    """Yield the rows of a CSV, CSV.gz, JSON Lines or Parquet file.

    Raises `UnreadableInput`, which names the file and what is wrong, for what is none.
    """
    if not source.is_file():
        raise UnreadableInput(f"{source} is not a file")
    for ending, read in READERS.items():
        if source.name.lower().endswith(ending):
            with _readable(source):
                yield from read(source)
            return
    raise UnreadableInput(f"{source}: its name must end in one of: {', '.join(READERS)}")


def _csv(source: Path) -> Iterator[Row]:
    with _text(source) as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, None)
        if not header:
            raise ValueError("the file is empty; it needs a header, then one row per line")
        cells = (row for row in reader if row)
        for number, row in enumerate(cells, start=1):
            values = {name: cell or None for name, cell in zip(header, row, strict=False)}
            fits = len(row) == len(header)
            yield Row(number, values, "" if fits else f"{len(row)} cells, and the header has {len(header)}")


def _json_lines(source: Path) -> Iterator[Row]:
    with _text(source) as file:
        for number, line in enumerate((line for line in file if line.strip()), start=1):
            try:
                body = json.loads(line)
            except (ValueError, RecursionError):
                body = None
            if isinstance(body, dict):
                yield Row(number, body)
            else:
                yield Row(number, {"line": line.rstrip("\n")[:200]}, "the line is no JSON object")


def _parquet(source: Path) -> Iterator[Row]:
    from pyarrow.parquet import ParquetFile

    number = 0
    with ParquetFile(str(source), page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            for values in batch.to_pylist():
                number += 1
                yield Row(number, {name: _as_json(value) for name, value in values.items()})


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _csv,
    ".csv.gz": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}


def _as_json(value: Any) -> Any:
    if isinstance(value, date):
        # A time too, with the zone where it has one.
        return value.isoformat()
    if isinstance(value, float) and value != value:  # noqa: PLR0124  # NaN, which is how tables write null
        return None
    return float(value) if isinstance(value, Decimal) else value


@contextmanager
def _text(source: Path) -> Iterator[TextIO]:
    opened = gzip.open if source.name.lower().endswith(".gz") else open
    # A byte order mark is no part of the first column's name.
    with opened(source, "rt", encoding="utf-8-sig", newline="") as file:
        yield file


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except UnicodeDecodeError:
        raise UnreadableInput(f"{source}: the text is not UTF-8; save the file as UTF-8") from None
    except (ValueError, EOFError, OSError, csv.Error, ArrowException) as error:
        words = " ".join(str(getattr(error, "strerror", None) or error).split())[:300]
        raise UnreadableInput(f"{source} cannot be read: {words}") from None
