"""CSV as records: UTF-8, commas, a header line, quotes doubled inside quotes. An empty cell is null.

Blank lines are no records. Rows are counted from 1 after the header, wherever their text is broken into lines.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pc

from service.batch.records import READ_ERRORS, Records, complaint, sliced
from service.errors import UnreadableInput
from service.scoring.contract import Contract

BLOCK_BYTES = 8 * 2**20
_OPEN_QUOTE = "a quote is opened and never closed"
_SAVE_AS_UTF_8 = "the text is not UTF-8; save the file as UTF-8"
_BLANK = b" \t\r\n\xef\xbb\xbf"


@contextmanager
def csv_records(source: Path, contract: Contract, compression: str | None) -> Iterator[Records]:
    """Open a CSV file; raises `UnreadableInput`, with the row where there is one."""
    rows = _RowCheck(cells=len(contract.columns) + len(contract.ignored) + 3)
    with _readable(source, rows):
        stream = pa.input_stream(str(source), compression=compression)
    with stream:
        with _readable(source, rows):
            text = _CheckedText(source, stream, f"\n{rows.ending}".encode())
            reader = _open(pa.PythonFile(text, mode="r"), rows)
            reader.schema.names  # noqa: B018  # raises if they are not UTF-8
        yield Records(reader.schema, _blocks(source, reader, rows), text=True)


def _open(file: pa.NativeFile, rows: _RowCheck) -> pc.CSVStreamingReader:
    return pc.open_csv(
        file,
        # Rows are numbered only where one thread reads; parsing on several was not faster.
        read_options=pc.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pc.ParseOptions(newlines_in_values=True, invalid_row_handler=rows),
        convert_options=pc.ConvertOptions(
            default_column_type=pa.string(),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _blocks(source: Path, reader: pc.CSVStreamingReader, rows: _RowCheck) -> Iterator[pa.Table]:
    count = 0
    with _readable(source, rows):
        for batch in reader:
            count += batch.num_rows
            yield from sliced(batch)
    if not rows.ended:
        raise UnreadableInput(f"{source}: row {count}: {_OPEN_QUOTE}")


class _CheckedText:
    """A file's bytes followed by our ending; NUL bytes are refused, and a file with nothing in it."""

    closed = False

    def __init__(self, source: Path, stream: pa.NativeFile, ending: bytes) -> None:
        self._source, self._stream, self._ending = source, stream, ending
        self._position, self._blank, self._ended, self._buffer = 0, True, False, b""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and fewer only at the end."""
        while len(self._buffer) < size and not self._ended:
            self._buffer += self._fetch(size)
        chunk, self._buffer = self._buffer[:size], self._buffer[size:]
        return chunk

    def close(self) -> None:
        """Do nothing; whoever opened the stream closes it."""

    def _fetch(self, size: int) -> bytes:
        chunk: bytes = self._stream.read(size)
        if (nul := chunk.find(b"\0")) >= 0:
            at = f"{self._source}: byte {self._position + nul + 1:,}"
            raise UnreadableInput(f"{at} is NUL, which no text has; save the file as UTF-8 text")
        self._position += len(chunk)
        self._blank = self._blank and not chunk.strip(_BLANK)
        if not chunk and self._blank:
            raise UnreadableInput(
                f"{self._source}: the file is empty; it needs a header, then one record per line"
            )
        self._ended = not chunk
        return chunk or self._ending


class _RowCheck:
    """Is asked about each row with the wrong number of cells; remembers what to say of it, or that it was our ending.

    The ending is read after the file's own bytes, as a row of too many cells. A quote left open would swallow it,
    and with it every record after the quote, which pyarrow does in silence. It is random, so that no file has it.
    """

    def __init__(self, cells: int) -> None:
        self.ending = secrets.token_hex(16) + "," * (cells - 1)
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
def _readable(source: Path, rows: _RowCheck) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise UnreadableInput(f"{source}: {rows.complaint or _explain(error)}") from None


def _explain(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"the header: {_SAVE_AS_UTF_8}"
    text = complaint(error)
    if found := re.search(r"column #(\d+): Row #(\d+):.*invalid UTF8", text):
        return f"row {int(found[2]) - 1}, column {int(found[1]) + 1}: {_SAVE_AS_UTF_8}"
    for fragment, meaning in _MEANINGS.items():
        if fragment in text:
            return meaning
    return f"cannot be read as CSV: {text}"


_MEANINGS = {
    # There is text, but not even the header ends.
    "Empty CSV file": f"the header: {_OPEN_QUOTE}",
    "straddl": f"a record is longer than {BLOCK_BYTES // 2**20} MiB; is a quote opened and never closed?",
    "Truncated compressed": "the compressed data end too early; was the file copied or downloaded whole?",
    "zlib": "the compressed data are damaged, or the file is no gzip file",
}
