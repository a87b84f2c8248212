"""The records of one file, block by block, so that a file of any size needs the same memory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.errors import UnreadableInput
from service.scoring.findings import LONGEST_QUOTE
from service.scoring.scorer import ROWS_PER_BLOCK

# What pyarrow raises for a file that is not what its name says.
READ_ERRORS = (pa.ArrowException, OSError, UnicodeError)
LONGEST_COMPLAINT = 300
CELLS_PER_BLOCK = 2**23
FEWEST_ROWS_PER_BLOCK = 256
MOST_BLOCK_BYTES = 2**28


def unchanged(rows: pa.Table) -> pa.Table:
    """Return the rows."""
    return rows


@dataclass(frozen=True)
class Records:
    """The records of one file, in order.

    schema: the columns, in the types that answers hold them in; a block of JSON Lines may hold others meanwhile.
    blocks: tables of exactly `rows_per_block` rows, but for the last, to be gone through once; they raise
    `UnreadableInput`. text: whether cells are text that may stand for a number, as in CSV. rows: how many there
    are, where the file says so. dialect_found: what was detected and is not the rule, in words, or nothing.
    as_found: turns rows of a block back into what stands in the file, where the reader had to change it.
    """

    schema: pa.Schema
    blocks: Iterator[pa.Table]
    text: bool
    rows: int | None = None
    rows_per_block: int = ROWS_PER_BLOCK
    dialect_found: str = ""
    as_found: Callable[[pa.Table], pa.Table] = unchanged

    def as_declared(self, rows: pa.Table) -> pa.Table:
        """Return rows of a block, or some columns of them, as the file has them, in the types of `schema`."""
        return self.in_types(self.as_found(rows))

    def in_types(self, rows: pa.Table) -> pa.Table:
        """Return rows of a block, or some columns of them, as they were scored, in the types of `schema`.

        What a type cannot hold is null; only rows that are refused have it.
        """
        columns = {
            name: _in_type(rows.column(name), self.schema.field(name).type) for name in rows.column_names
        }
        return pa.table(columns) if columns else rows


def rows_per_block(columns: int) -> int:
    """Return how many rows a block of so many columns has, so that it needs no more memory than a narrow one."""
    fitting = CELLS_PER_BLOCK // max(columns, 1)
    return min(ROWS_PER_BLOCK, max(FEWEST_ROWS_PER_BLOCK, 1 << (fitting.bit_length() - 1)))


def in_blocks(name: str, batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Return batches of any length as tables of `rows` rows, the last of fewer; nothing is copied.

    Raises `UnreadableInput`, with the file's name, when a block takes more than `MOST_BLOCK_BYTES`.
    """
    parts: list[pa.RecordBatch] = []
    held = size = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, rows - held)
            parts.append(part)
            start, held, size = start + part.num_rows, held + part.num_rows, size + part.nbytes
            if size > MOST_BLOCK_BYTES:
                raise too_large(name, rows)
            if held == rows:
                yield pa.Table.from_batches(parts)
                parts, held, size = [], 0, 0
    if parts:
        yield pa.Table.from_batches(parts)


@contextmanager
def readable(name: str, first_row: int, block: pa.Table) -> Iterator[None]:
    """Raise `UnreadableInput`, which names the rows, where Arrow can make nothing of the values of a block."""
    try:
        yield
    except (pa.ArrowException, OverflowError) as error:
        rows = f"rows {first_row} to {first_row + block.num_rows - 1}"
        raise UnreadableInput(f"{name}: {rows} cannot be read: {complaint(error)}") from None


def too_large(name: str, rows: int) -> UnreadableInput:
    """Return the error for a block that would not fit into memory."""
    return UnreadableInput(
        f"{name}: {rows:,} records take more than {MOST_BLOCK_BYTES // 2**20} MiB; leave out columns of long text"
    )


def complaint(error: BaseException) -> str:
    """Return a library's error as one line of bounded length."""
    strerror = getattr(error, "strerror", None)
    return shortened(" ".join(str(strerror or error).split()), LONGEST_COMPLAINT)


def shortened(text: str, most: int = LONGEST_QUOTE) -> str:
    """Return a text of at most so many characters, and a sign where there were more."""
    return text if len(text) <= most else text[:most] + "…"


def _in_type(cells: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if cells.type == kind:
        return cells
    if pa.types.is_union(cells.type):
        return pa.chunked_array([pa.array([_fitting(cell, kind) for cell in cells.to_pylist()], kind)])
    if pa.types.is_floating(cells.type) and pa.types.is_integer(kind):
        whole = pc.and_(pc.equal(pc.floor(cells), cells), pc.less(pc.abs(cells), 2.0**53))
        return pc.if_else(whole, cells, None).cast(kind, safe=False)
    if pa.types.is_string(kind) or (pa.types.is_integer(cells.type) and pa.types.is_floating(kind)):
        # An integer beyond 2**53 is rounded as it is for the model.
        return cells.cast(kind, safe=False)
    return pa.chunked_array([pa.nulls(len(cells), kind)])


def _fitting(cell: Any, kind: pa.DataType) -> Any:
    """The cell in a type, None where that cannot hold it."""
    if pa.types.is_string(kind):
        # Half a surrogate pair is no text that a file can hold.
        return json.dumps(cell) if cell is not None and not isinstance(cell, str) else _sendable(cell)
    if pa.types.is_boolean(kind):
        return cell if isinstance(cell, bool) else None
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return None
    if pa.types.is_floating(kind):
        return _float(cell)
    return int(cell) if abs(cell) < 2**53 and cell == int(cell) else None


def _sendable(text: str | None) -> str | None:
    return text and text.encode("utf-8", "replace").decode()


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
