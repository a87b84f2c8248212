"""Boosted symmetric ("oblivious") trees: every node of a level asks the same question, so a tree is a table.

The answers to a tree's questions, read as bits, are the position of its leaf (Kohavi, 1994; CatBoost).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, expect_number
from service.scoring.predictors.arrays import (
    ROWS_AT_A_TIME,
    expect_on_grid,
    from_npy,
    on_grid,
    to_npy,
)
from service.scoring.predictors.binning import Bins
from service.scoring.predictors.joint_tables import JointTable, Question, joint_tables

DEEPEST = 8
UNUSED = -1
# With null and the last gap, their bins fit two bytes.
MOST_BORDERS = 65_534


class SymmetricTrees:
    """`trees` tables of 2**depth leaves.

    inputs: int32 (trees, depth), the input that each question is about, -1 for a question never answered yes.
    values: float64 (trees, depth): yes is `x > value`, for a level `x == value`; a null is no.
    leaves: float64 (trees, 2**depth), log-odds; question d is bit d of the position.
    """

    kind = "symmetric_trees"

    def __init__(
        self,
        bias: float,
        inputs: npt.NDArray[np.int32],
        values: FloatArray,
        leaves: FloatArray,
        levels: Sequence[int],
    ) -> None:
        self.bias = float(on_grid(bias))
        self.inputs, self.values, self.leaves = inputs, values, leaves
        self.levels = tuple(levels)
        self._check()
        self._prepare_one()
        self._prepare_many()

    def score_one(self, row: Sequence[float]) -> float:
        """Return the raw score of one encoded record."""
        return float(self._flat_leaves.take(self.leaves_of(row)).sum()) + self.bias

    def leaves_of(self, row: Sequence[float]) -> npt.NDArray[np.intp]:
        """Return where the record ends up in each tree (trees,), counted through the leaves of all trees."""
        flat = [*row, 0.0]
        for position, count in self._level_inputs:
            level = row[position]
            flat += self._indicators[count][count if level != level else int(level)]  # noqa: PLR0124
        answers = np.array(flat).take(self._asked) > self._thresholds
        places: npt.NDArray[np.intp] = np.packbits(answers, bitorder="little") + self._offsets
        return places

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""
        scores = np.empty(len(matrix))
        for start in range(0, len(matrix), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            scores[rows] = self._score_block(matrix[rows])
        return scores

    def to_files(self) -> dict[str, bytes]:
        """Return `predictor.json` and the three arrays."""
        return {
            "predictor.json": canonical_json({"kind": self.kind, "bias": self.bias}),
            "inputs.npy": to_npy(self.inputs),
            "values.npy": to_npy(self.values),
            "leaves.npy": to_npy(self.leaves),
        }

    @classmethod
    def from_files(
        cls, body: Mapping[str, Any], files: Mapping[str, bytes], levels: Sequence[int]
    ) -> SymmetricTrees:
        """Read the trees; raises `BundleInvalid` for anything out of bounds."""
        expect_keys(body, {"kind", "bias"}, "symmetric trees")
        inputs = from_npy(files, "inputs.npy", np.int32, (None, None))
        values = from_npy(files, "values.npy", np.float64, inputs.shape)
        leaves = from_npy(files, "leaves.npy", np.float64, (len(inputs), None))
        return cls(expect_number(body["bias"], "bias"), inputs, values, leaves, levels)

    def _check(self) -> None:
        trees, depth = self.inputs.shape
        if not 1 <= depth <= DEEPEST or self.leaves.shape != (trees, 2**depth) or trees < 1:
            raise BundleInvalid(f"symmetric trees: {self.leaves.shape} leaves do not fit depth {depth}")
        if self.inputs.min() < UNUSED or self.inputs.max() >= len(self.levels):
            raise BundleInvalid(f"symmetric trees: an input is not within 0 to {len(self.levels) - 1}")
        if not np.isfinite(self.values).all():
            raise BundleInvalid("symmetric trees: a value is not finite")
        counts = np.array([*self.levels, 0])[self.inputs]
        outside = (self.values != np.floor(self.values)) | (self.values < 0) | (self.values >= counts)
        if (outside & (counts > 0)).any():
            raise BundleInvalid("symmetric trees: a question is about a level that its input does not have")
        largest = float(np.abs(self.leaves).max(axis=1).sum()) + abs(self.bias)
        expect_on_grid(self.leaves, largest, "symmetric trees")

    def _prepare_one(self) -> None:
        # One record is laid out as its numbers, a zero for unused questions, then an indicator per level.
        trees, depth = self.inputs.shape
        self._level_inputs = [(i, count) for i, count in enumerate(self.levels) if count]
        self._indicators = {
            count: [*np.eye(count).tolist(), [0.0] * count] for count in set(self.levels) if count
        }
        first, place = len(self.levels) + 1, {}
        for position, count in self._level_inputs:
            place[position] = first
            first += count
        asked = np.full((trees, DEEPEST), len(self.levels), dtype=np.intp)
        thresholds = np.full((trees, DEEPEST), np.inf)
        for (tree, question), raw in np.ndenumerate(self.inputs):
            position, value = int(raw), float(self.values[tree, question])
            if position in place:
                asked[tree, question] = place[position] + int(value)
                thresholds[tree, question] = 0.5
            elif position != UNUSED:
                asked[tree, question], thresholds[tree, question] = position, value
        self._asked, self._thresholds = asked.ravel(), thresholds.ravel()
        self._flat_leaves = self.leaves.ravel()
        self._offsets = np.arange(trees, dtype=np.intp) * 2**depth

    def _prepare_many(self) -> None:
        # Each question becomes `bin > limit` on a column of small integers; a level has a column of its own, 1 where
        # it is. A byte holds the bins of most inputs and is twice as fast as two.
        used = self.inputs != UNUSED
        self._bins: dict[int, Bins] = {}
        for position in np.unique(self.inputs[used]).tolist():
            count = self.levels[position]
            borders = np.empty(0) if count else np.unique(self.values[used & (self.inputs == position)])
            if len(borders) >= MOST_BORDERS:
                raise BundleInvalid(
                    f"symmetric trees: input {position} has {len(borders)} borders, over {MOST_BORDERS - 1}"
                )
            self._bins[position] = Bins(borders, count)

    @cached_property
    def _joint(self) -> tuple[list[tuple[int, int]], list[JointTable]]:
        """Columns, each an input and a level of it or none, and the tables that ask about them."""
        columns: dict[tuple[int, int], int] = {}

        def question(position: int, value: float) -> Question | None:
            if position == UNUSED:
                return None
            bins = self._bins[position]
            column = columns.setdefault((position, int(value) if bins.levels else UNUSED), len(columns))
            return column, 0 if bins.levels else 1 + int(np.searchsorted(bins.borders, value))

        asked = [
            list(map(question, inputs, values))
            for inputs, values in zip(self.inputs.tolist(), self.values.tolist(), strict=True)
        ]
        tables = joint_tables(asked, self.leaves)
        return list(columns), tables

    def _score_block(self, matrix: FloatArray) -> FloatArray:
        rows, (wanted, tables) = len(matrix), self._joint
        binned = {position: bins.of_many(matrix[:, position]) for position, bins in self._bins.items()}
        columns = [_column(self._bins[position], binned[position], level) for position, level in wanted]
        scores = np.full(rows, self.bias)
        yes, leaf = np.empty(rows, dtype=np.bool_), np.empty(rows)
        place, wide = np.zeros(rows, dtype=np.uint8), np.empty(rows, dtype=np.intp)
        bits = yes.view(np.uint8)
        for table in tables:
            # The last question is the highest bit. It starts the place, and each further one is shifted in.
            for count, (column, limit) in enumerate(reversed(table.questions)):
                if count == 0:
                    np.greater(columns[column], limit, out=place.view(np.bool_))
                    continue
                np.greater(columns[column], limit, out=yes)
                np.add(place, place, out=place)
                np.add(place, bits, out=place)
            np.copyto(wide, place)
            # The places are within bounds by construction; clip spares numpy's buffered check.
            np.take(table.leaves, wide, out=leaf, mode="clip")
            np.add(scores, leaf, out=scores)
        return scores


def _column(bins: Bins, binned: npt.NDArray[np.intp], level: int) -> npt.NDArray[Any]:
    fits = level != UNUSED or bins.count <= 1 + np.iinfo(np.uint8).max
    values = binned if level == UNUSED else np.equal(binned, 1 + level)
    return values.astype(np.uint8 if fits else np.uint16)
