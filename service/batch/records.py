"""The records of one file, block by block, so that a file of any size needs the same memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from service.scoring.scorer import ROWS_PER_BLOCK

# What pyarrow raises for a file that is not what its name says.
READ_ERRORS = (pa.ArrowException, OSError, UnicodeError)
LONGEST_COMPLAINT = 300


@dataclass(frozen=True)
class Records:
    """The records of one file, in order.

    blocks: tables of at most `ROWS_PER_BLOCK` rows, to be gone through once; they raise `UnreadableInput`.
    text: whether cells are text that may stand for a number, as in CSV.
    """

    schema: pa.Schema
    blocks: Iterator[pa.Table]
    text: bool


def sliced(batch: pa.RecordBatch) -> Iterator[pa.Table]:
    """Return a batch of any length as tables of at most `ROWS_PER_BLOCK` rows."""
    for start in range(0, batch.num_rows, ROWS_PER_BLOCK):
        yield pa.Table.from_batches([batch.slice(start, ROWS_PER_BLOCK)])


def complaint(error: BaseException) -> str:
    """Return a library's error as one line of bounded length."""
    strerror = getattr(error, "strerror", None)
    text = " ".join(str(strerror or error).split())
    return text if len(text) <= LONGEST_COMPLAINT else text[:LONGEST_COMPLAINT] + "…"
