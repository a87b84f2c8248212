"""The design: an encoded record laid out as the columns that weights apply to, for fitting and for scoring alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.scoring.arithmetic import FloatArray


@dataclass(frozen=True, slots=True)
class Scale:
    """How a number is standardised: `(clip(x, low, high) - center) / spread`, and 0 for a null."""

    center: float
    spread: float
    low: float
    high: float


class Design:
    """Columns per input: a number's standardised value, or 1 for its level and 0 for the others; then 1 for a null.

    scales: one per input, None for a category. levels: the number of levels of each input, 0 for a number.
    """

    def __init__(self, scales: Sequence[Scale | None], levels: Sequence[int]) -> None:
        self.scales, self.levels = tuple(scales), tuple(levels)
        self.width = sum((count or 1) + 1 for count in self.levels)
        self._level_rows = {
            count: np.eye(count + 1).tolist() for count in set(self.levels) if count
        }  # the last row is a null's

    def of_one(self, row: Sequence[float]) -> list[float]:
        """Return the columns of one encoded record."""
        columns: list[float] = []
        for scale, count, x in zip(self.scales, self.levels, row, strict=True):
            missing = x != x  # noqa: PLR0124  # the fastest test for NaN
            if scale is None:
                columns += self._level_rows[count][count if missing else int(x)]
            elif missing:
                columns += (0.0, 1.0)
            else:
                columns += ((min(max(x, scale.low), scale.high) - scale.center) / scale.spread, 0.0)
        return columns

    def of_many(self, matrix: FloatArray) -> FloatArray:
        """Return the columns (rows, width) of an encoded matrix (rows, inputs), each column contiguous."""
        columns = np.empty((self.width, len(matrix)))
        place = 0
        for position, (scale, count) in enumerate(zip(self.scales, self.levels, strict=True)):
            x = matrix[:, position]
            missing = np.isnan(x)
            if scale is None:
                np.equal(x, np.arange(count)[:, None], out=columns[place : place + count])
            else:
                value = (np.clip(x, scale.low, scale.high) - scale.center) / scale.spread
                columns[place] = np.where(missing, 0.0, value)
            place += (count or 1) + 1
            columns[place - 1] = missing
        return columns.T
