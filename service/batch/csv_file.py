"""CSV as records: a header line, quotes doubled inside quotes. An empty cell is null.

Blank lines are no records. Rows are counted from 1 after the header, wherever their text is broken into lines.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pc

from service.batch.decimal_comma import numbers_with_comma, numbers_with_point
from service.batch.dialect import Dialect, FoundDialect, find_dialect
from service.batch.records import READ_ERRORS, Records, complaint, in_blocks, rows_per_block, unchanged
from service.batch.text_stream import Source, TextStream, opened_text
from service.errors import UnreadableInput
from service.scoring.contract import Contract

# pyarrow reads 32 of these ahead, and no record may be longer.
BLOCK_BYTES = 2 * 2**20
_OPEN_QUOTE = "a quote is opened and never closed"


@contextmanager
def csv_records(
    source: Source, contract: Contract, asked: Dialect, skip: int, *, gzipped: bool = False, usual: str = ","
) -> Iterator[Records]:
    """Open a CSV file, without its first `skip` records; raises `UnreadableInput`, with the row where there is one.

    `usual` is the delimiter unless another is asked for or found.
    """
    with opened_text(source, contract, gzipped=gzipped, encoding=asked.encoding) as text:
        dialect = find_dialect(source.name, text.sample, contract, asked, usual)
        rows = _RowCheck(dialect.delimiter, cells=len(contract.columns) + len(contract.ignored) + 3)
        with _readable(source.name, rows):
            reader = _open(pa.PythonFile(_Ended(text, rows.ending), mode="r"), rows, dialect)
        names = reader.schema.names
        length = rows_per_block(len(names))
        blocks = islice(
            in_blocks(source.name, _batches(source.name, reader, rows), length), skip // length, None
        )
        numeric = [name for name in names if name in contract.by_name and contract.by_name[name].is_numeric]
        comma = dialect.decimal == ","
        yield Records(
            reader.schema,
            (numbers_with_point(block, numeric) for block in blocks) if comma else blocks,
            text=True,
            rows_per_block=length,
            dialect_found=", ".join(dialect.words + text.words),
            as_found=partial(numbers_with_comma, numeric=numeric) if comma else unchanged,
        )


def _open(file: pa.NativeFile, rows: _RowCheck, dialect: FoundDialect) -> pc.CSVStreamingReader:
    return pc.open_csv(
        file,
        # Rows are numbered only where one thread reads; parsing on several was not faster.
        read_options=pc.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pc.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            newlines_in_values=True,
            invalid_row_handler=rows,
        ),
        convert_options=pc.ConvertOptions(
            default_column_type=pa.string(),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _batches(name: str, reader: pc.CSVStreamingReader, rows: _RowCheck) -> Iterator[pa.RecordBatch]:
    count = 0
    with _readable(name, rows):
        for batch in reader:
            count += batch.num_rows
            yield batch
    if not rows.ended:
        raise UnreadableInput(f"{name}: row {count}: {_OPEN_QUOTE}")


class _Ended:
    """A text followed by our ending."""

    closed = False

    def __init__(self, text: TextStream, ending: str) -> None:
        self._text, self._ending = text, f"\n{ending}".encode()

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and fewer only at the end."""
        piece = self._text.read(size)
        if len(piece) == size:
            return piece
        ending, self._ending = self._ending[: size - len(piece)], self._ending[size - len(piece) :]
        return piece + ending

    def close(self) -> None:
        """Do nothing; whoever opened the text closes it."""


class _RowCheck:
    """Is asked about each row with the wrong number of cells; remembers what to say of it, or that it was our ending.

    The ending is read after the file's own bytes, as a row of too many cells. A quote left open would swallow it,
    and with it every record after the quote, which pyarrow does in silence. It is random, so that no file has it.
    """

    def __init__(self, delimiter: str, cells: int) -> None:
        self.ending = secrets.token_hex(16) + delimiter * (cells - 1)
        self.ended = False
        self.complaint: str | None = None

    def __call__(self, row: pc.InvalidRow) -> Literal["skip", "error"]:
        if row.text == self.ending:
            self.ended = True
            return "skip"
        # pyarrow counts the header too.
        where = f"row {row.number - 1}"
        if self.ending in row.text:
            self.complaint = f"{where}: {_OPEN_QUOTE}"
        else:
            self.complaint = (
                f"{where} has {row.actual_columns} cells, and the header has {row.expected_columns}"
            )
        return "error"


@contextmanager
def _readable(name: str, rows: _RowCheck) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise UnreadableInput(f"{name}: {rows.complaint or _explain(error)}") from None


def _explain(error: Exception) -> str:
    text = complaint(error)
    for fragment, meaning in _MEANINGS.items():
        if fragment in text:
            return meaning
    return f"cannot be read as CSV: {text}"


_MEANINGS = {
    "Empty CSV file": f"no header ends within {BLOCK_BYTES // 2**20} MiB; is a quote opened and never closed?",
    "straddl": f"a record is longer than {BLOCK_BYTES // 2**20} MiB; is a quote opened and never closed?",
}
