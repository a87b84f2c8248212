"""The decisions of a segment's rows as its entry in the log holds them: a few tenths of a byte each.

An auditor can repeat it in any language. It is base64 of a zlib stream of two bits for each row of the input from the
segment's first on, whether it was scored or not; four rows to a byte, the first of them in the highest bits: 0 approve,
1 refer, 2 decline, 3 for a row that was refused or that is none.

So whoever tells an outcome or a review of a decision finds in the log what was decided, and needs no file.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
import numpy.typing as npt

NONE = 3
# Far above what a segment can hold, so that a stream made to burst is refused before it does.
_MOST_BYTES = 2**26
_SHIFTS = np.array([6, 4, 2, 0], np.uint8)


def pack(codes: npt.NDArray[np.uint8]) -> str:
    """Return the codes (rows,) of all rows of a segment's stretch of its input as text."""
    padded = np.full(-(-len(codes) // 4) * 4, NONE, np.uint8)
    padded[: len(codes)] = codes
    packed = np.bitwise_or.reduce(padded.reshape(-1, 4) << _SHIFTS, axis=1).astype(np.uint8)
    return base64.b64encode(zlib.compress(packed.tobytes(), 1)).decode()


def unpack(text: str) -> bytes:
    """Return the packed codes, for `code_at`; raises `ValueError` for what `pack` did not write."""
    try:
        stream = zlib.decompressobj()
        packed = stream.decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from None
    if not stream.eof:
        raise ValueError("the stream does not end")
    return packed


def code_at(packed: bytes, place: int) -> int:
    """Return the code of a row, counted from the segment's first as 0; `NONE` for one that lies outside."""
    if not 0 <= place < 4 * len(packed):
        return NONE
    return packed[place // 4] >> (6 - 2 * (place % 4)) & NONE
