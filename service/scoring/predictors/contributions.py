"""Exact Shapley values of one record against one reference record, for any predictor of this package.

The game is: which inputs take the record's value, while the others take the reference's ("interventional" values;
Lundberg et al., 2020, and for one leaf in closed form Laberge and Pequignot, 2022). They add up to the difference
of the two raw scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import factorial

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.linear import LinearPredictor
from service.scoring.predictors.symmetric_trees import SymmetricTrees
from service.scoring.predictors.trees import Trees


class Explainer:
    """Contributions of each input to the difference in raw score between a record and `reference`."""

    def __init__(
        self, predictor: LinearPredictor | SymmetricTrees | Trees, reference: Sequence[float]
    ) -> None:
        self.reference = list(reference)
        self.reference_score = predictor.score_one(self.reference)
        self._predictor = predictor.to_trees() if isinstance(predictor, SymmetricTrees) else predictor

    def contributions(self, row: Sequence[float]) -> FloatArray:
        """Return the Shapley values (inputs,) in raw log-odds."""
        if isinstance(self._predictor, LinearPredictor):
            own, other = (np.array(self._predictor.contributions_one(x)) for x in (row, self.reference))
            difference: FloatArray = own - other
            return difference
        values = _of_trees(self._predictor, row, self.reference)
        if self._predictor.link == "probability":
            # Shares of the difference in probability, applied to the difference in log-odds.
            total = float(values.sum())
            change = self._predictor.score_one(row) - self.reference_score
            return values * (change / total) if total else values
        return values


def _of_trees(trees: Trees, row: Sequence[float], reference: Sequence[float]) -> FloatArray:
    """A leaf pays its value if all inputs in A (only the record reaches it) and none in B (only the reference)."""
    if not trees.used_inputs:
        return np.zeros(len(row))
    own, other = trees.reachable(row), trees.reachable(reference)
    only_own, only_other = _bits(own & ~other), _bits(other & ~own)
    possible = (
        _bits(np.bitwise_and.reduce(own | other, axis=0)[None, :])[0] & _bits(trees.every_leaf[None, :])[0]
    )
    a, b = only_own.sum(axis=0, dtype=np.intp), only_other.sum(axis=0, dtype=np.intp)
    gain, loss = _shares(len(row) + 1)
    leaves = np.where(possible, trees.leaf_table, 0.0)
    result = np.zeros(len(row))
    result[trees.used_inputs] = only_own @ (leaves * gain[a, b]) - only_other @ (leaves * loss[a, b])
    return result


def _bits(words: np.ndarray) -> np.ndarray:
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")


@lru_cache
def _shares(size: int) -> tuple[FloatArray, FloatArray]:
    """Return what one player of A gains, (|A|-1)! |B|! / (|A|+|B|)!, and what one of B loses, |A|! (|B|-1)! / …"""
    gain, loss = np.zeros((size, size)), np.zeros((size, size))
    for a in range(size):
        for b in range(size - a):
            if a:
                gain[a, b] = factorial(a - 1) * factorial(b) / factorial(a + b)
            if b:
                loss[a, b] = factorial(a) * factorial(b - 1) / factorial(a + b)
    return gain, loss
