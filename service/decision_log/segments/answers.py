"""The digest of a segment's answers, which no erasure changes.

An auditor can repeat it in any language. It is SHA-256 over 17 bytes for each scored row, in the order of the file: the
number of the row as a signed 64-bit integer and P(bad) as an IEEE 754 binary64, both big-endian, and the decision as
one byte: 0 approve, 1 refer, 2 decline.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS

ROW, PROBABILITY, DECISION, REASONS = "row", "probability", "decision", "reasons"
_ANSWER = np.dtype([(ROW, ">i8"), (PROBABILITY, ">f8"), (DECISION, "u1")])


@cache
def decision_names() -> pa.Array:
    """Return the names of the decisions, in the order of `DECISIONS`: the dictionary of a column of decisions."""
    return pa.array([str(decision) for decision in DECISIONS])


class Answers:
    """Takes the digest of answers as they are written, block by block."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, table: pa.Table) -> None:
        """Take the next rows of a segment, of which only the answers are looked at."""
        packed = np.empty(table.num_rows, _ANSWER)
        packed[ROW] = row_numbers(table)
        packed[PROBABILITY] = probabilities(table)
        packed[DECISION] = decision_codes(table)
        self._hash.update(packed.data)

    def hexdigest(self) -> str:
        """Return the digest of all rows so far, in hexadecimal."""
        return self._hash.hexdigest()


def row_numbers(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return the numbers (rows,) of a segment's rows in their input."""
    return table.column(ROW).to_numpy()  # type: ignore[no-any-return]


def probabilities(table: pa.Table) -> FloatArray:
    """Return P(bad) (rows,) of a segment's rows."""
    return table.column(PROBABILITY).to_numpy()  # type: ignore[no-any-return]


def decision_codes(table: pa.Table) -> npt.NDArray[np.int8]:
    """Return the decisions (rows,) of a segment's rows as positions in `DECISIONS`; -1 for what is none of them."""
    column = table.column(DECISION)
    codes = [_codes(chunk) for chunk in column.chunks]
    return np.concatenate(codes) if codes else np.empty(0, np.int8)


def _codes(chunk: pa.Array) -> npt.NDArray[np.int8]:
    if not pa.types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_encode()
    position = {str(decision): code for code, decision in enumerate(DECISIONS)}
    meaning = [position.get(name, -1) for name in chunk.dictionary.to_pylist()]
    # The last one is what a null, whose index is -1 here, comes to.
    table = np.array([*meaning, -1], np.int8)
    codes: npt.NDArray[np.int8] = table[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return codes
