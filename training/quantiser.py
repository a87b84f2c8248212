"""Bins for tree learners: every library learns on the same small integers, so its trees carry over exactly.

Learners cast to float32 and cut where they like; a cut between two bins has one meaning, `x > border`, in
every library and in the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.trees import LEAF

FEW_BORDERS, MANY_BORDERS = 250, 2_000
BEYOND = 1e300


@dataclass(frozen=True)
class Question:
    """What a column of the binned matrix stands for: an input's bin, or whether it has one level."""

    input: int
    level: int | None


class Quantiser:
    """At most `most` borders per number, from the rows to fit on, and one indicator column per level."""

    def __init__(self, matrix: FloatArray, levels: Sequence[int], most: int = FEW_BORDERS) -> None:
        self.levels = tuple(levels)
        self.borders = [
            np.empty(0) if count else _borders(matrix[:, position], most)
            for position, count in enumerate(levels)
        ]
        self.questions = [
            Question(position, level)
            for position, count in enumerate(levels)
            for level in (range(count) if count else (None,))
        ]

    def transform(self, matrix: FloatArray) -> FloatArray:
        """Return the binned matrix (rows, questions): bins from 0, indicators 0 or 1, NaN for a null number."""
        binned = np.empty((len(matrix), len(self.questions)), order="F")
        for place, question in enumerate(self.questions):
            x = matrix[:, question.input]
            if question.level is None:
                bins = np.searchsorted(self.borders[question.input], x, side="left")
                binned[:, place] = np.where(np.isnan(x), np.nan, bins)
            else:
                binned[:, place] = x == question.level
        return binned

    def node(self, place: int, first_right: int) -> tuple[int, float]:
        """Return (input, value) of the question "is the bin at `place` at least `first_right`?"."""
        question = self.questions[place]
        if question.level is not None:
            return question.input, float(question.level)
        borders = self.borders[question.input]
        if first_right <= 0:
            return question.input, -BEYOND
        return question.input, float(borders[first_right - 1]) if first_right <= len(borders) else BEYOND

    def clear_level_nulls(self, nodes: npt.NDArray[Any]) -> None:
        """Make nulls answer no where a node (`NODE`) asks about a level, for a null has none."""
        is_level = np.array([count > 0 for count in self.levels])
        inner = nodes["input"] != LEAF
        nodes["null_right"][inner] &= ~is_level[nodes["input"][inner]]


def _borders(column: FloatArray, most: int) -> FloatArray:
    distinct = np.unique(column[~np.isnan(column)])
    if len(distinct) > most + 1:
        present = column[~np.isnan(column)]
        quantiles = np.quantile(present, np.arange(1, most + 1) / (most + 1), method="lower")
        at = np.unique(np.searchsorted(distinct, quantiles))
        at = at[at < len(distinct) - 1]
        return (distinct[at] + distinct[at + 1]) / 2
    return (distinct[1:] + distinct[:-1]) / 2
