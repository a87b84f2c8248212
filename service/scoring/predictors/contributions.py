"""Shapley values of one record against one reference record, for any predictor of this package.

The game is: which inputs take the record's value, while the others take the reference's ("interventional" values;
Lundberg et al., 2020). They add up to the difference of the two raw scores. They are exact for linear models and
trees; `sampled` has what serves for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import factorial

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors import Predictor
from service.scoring.predictors.linear import LinearPredictor
from service.scoring.predictors.sampled import OfAny
from service.scoring.predictors.symmetric_trees import UNUSED, SymmetricTrees
from service.scoring.predictors.trees import WORD, Trees

# Cells of the largest intermediate table: 32 MB of float64.
_CELLS_AT_A_TIME = 2**22


class Rule(StrEnum):
    """How the contributions to a raw score follow from the predictor."""

    EXACT = "exact"
    SHARES = "shares"
    SAMPLED = "sampled"


class Explainer:
    """Contributions of each input to the difference in raw score between a record and `reference`.

    `rule` says what they are: exact Shapley values of the raw score; where the trees add up to a probability, their
    exact values of that probability, scaled to the raw score's difference; or exact with few inputs and sampled with
    many, with a standard error.
    """

    def __init__(self, predictor: Predictor, reference: Sequence[float]) -> None:
        self.reference = list(reference)
        self._explain = _EXPLAINERS.get(type(predictor), OfAny)(predictor, self.reference)
        self.rule = _rule_of(predictor)

    def contributions(self, row: Sequence[float]) -> FloatArray:
        """Return the Shapley values (inputs,) in raw log-odds."""
        return self._explain(row)

    def with_errors(self, row: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """Return the Shapley values and the standard error of each, both (inputs,); 0 where they are exact."""
        if isinstance(self._explain, OfAny):
            return self._explain.with_errors(row)
        return self._explain(row), np.zeros(len(row))


class _OfLinear:
    """A sum has no interactions: each input contributes the difference of its terms."""

    def __init__(self, predictor: LinearPredictor, reference: list[float]) -> None:
        self._predictor = predictor
        self._reference = np.array(predictor.contributions_one(reference))

    def __call__(self, row: Sequence[float]) -> FloatArray:
        difference: FloatArray = np.array(self._predictor.contributions_one(row)) - self._reference
        return difference


class _OfSymmetricTrees:
    """In a symmetric tree the record's leaf holds all its answers, so the values are tabulated leaf by leaf."""

    def __init__(self, predictor: SymmetricTrees, reference: list[float]) -> None:
        trees, depth = predictor.inputs.shape
        self._predictor = predictor
        self._inputs = np.where(predictor.inputs == UNUSED, 0, predictor.inputs).ravel()
        self._size = len(predictor.levels)
        theirs = predictor.leaves_of(reference) - np.arange(trees) * 2**depth
        step = max(1, _CELLS_AT_A_TIME // 4**depth)
        parts = [
            _tabulate(predictor.inputs[a : a + step], predictor.leaves[a : a + step], theirs[a : a + step])
            for a in range(0, trees, step)
        ]
        self._table = np.concatenate(parts).reshape(trees * 2**depth, depth)

    def __call__(self, row: Sequence[float]) -> FloatArray:
        shares = self._table.take(self._predictor.leaves_of(row), axis=0)
        return np.bincount(self._inputs, weights=shares.ravel(), minlength=self._size).astype(np.float64)


class _OfTrees:
    """A leaf pays its value if all inputs in A (only the record reaches it) play, and none in B (only the reference).

    In closed form: Laberge and Pequignot, 2022.
    """

    def __init__(self, predictor: Trees, reference: list[float]) -> None:
        self._predictor = predictor
        self._other = predictor.reachable(reference)
        self._score = predictor.score_one(reference)
        self._gain, self._loss = _shares(len(reference) + 1)

    def __call__(self, row: Sequence[float]) -> FloatArray:
        trees, own, other = self._predictor, self._predictor.reachable(row), self._other
        # Few leaves can be reached by any mixture of the two records; only those are looked at.
        possible = np.flatnonzero(_bits(np.bitwise_and.reduce(own | other, axis=0)))
        only_own, only_other = _bits_at(own & ~other, possible), _bits_at(other & ~own, possible)
        a, b = only_own.sum(axis=0, dtype=np.intp), only_other.sum(axis=0, dtype=np.intp)
        leaves = trees.leaf_table[possible]
        values = np.zeros(len(row))
        values[trees.used_inputs] = only_own @ (leaves * self._gain[a, b]) - only_other @ (
            leaves * self._loss[a, b]
        )
        if trees.link == "probability":
            # Shares of the difference in probability, applied to the difference in log-odds.
            total = float(values.sum())
            return values * ((trees.score_one(row) - self._score) / total) if total else values
        return values


_EXPLAINERS: dict[type, Callable[..., Callable[[Sequence[float]], FloatArray]]] = {
    LinearPredictor: _OfLinear,
    SymmetricTrees: _OfSymmetricTrees,
    Trees: _OfTrees,
}


def _rule_of(predictor: Predictor) -> Rule:
    if isinstance(predictor, Trees) and predictor.link == "probability":
        return Rule.SHARES
    return Rule.EXACT if type(predictor) in _EXPLAINERS else Rule.SAMPLED


def _tabulate(inputs: npt.NDArray[np.int32], leaves: FloatArray, theirs: npt.NDArray[np.intp]) -> FloatArray:
    """Return what each question's input contributes at each leaf (trees, leaves, questions).

    A question counts for the first question of its tree that is about the same input; the others have zero.
    """
    depth = inputs.shape[1]
    first = np.argmax(inputs[:, :, None] == inputs[:, None, :], axis=2)
    player = (first == np.arange(depth)) & (inputs != UNUSED)
    own = np.arange(2**depth)
    chosen = (own[:, None] >> np.arange(depth)) & 1
    # The answers that coalition s (a set of first questions) takes from the record: all questions of its inputs.
    taken = (chosen[:, first] << np.arange(depth)).sum(axis=2).T
    mixed = (own[None, None, :] & taken[:, :, None]) | (theirs[:, None, None] & ~taken[:, :, None])
    worth = np.take_along_axis(leaves[:, None, :], mixed, axis=2)
    table: FloatArray = np.einsum("tsq,tsl->tlq", _weights(player, chosen), worth)
    # Nothing, not 1e-18, where an input's answers are the reference's: what is nothing must not become a reason.
    asked = ((first[:, None, :] == np.arange(depth)[:, None]) << np.arange(depth)).sum(axis=2)
    differs = (own[None, :, None] ^ theirs[:, None, None]) & asked[:, None, :]
    return np.where(differs != 0, table, 0.0)


def _weights(player: npt.NDArray[np.bool_], chosen: npt.NDArray[np.intp]) -> FloatArray:
    """Return the weight of each coalition's worth in each player's value (trees, coalitions, questions)."""
    gain, loss = _shares(player.shape[1] + 1)
    players = player.sum(axis=1)
    within = ~((chosen[None, :, :] == 1) & ~player[:, None, :]).any(axis=2)
    size = np.where(within, chosen.sum(axis=1)[None, :], 0)
    rest = np.where(within, players[:, None] - size, 0)
    weights = np.where(chosen[None, :, :] == 1, gain[size, rest][:, :, None], -loss[size, rest][:, :, None])
    return np.where(within[:, :, None] & player[:, None, :], weights, 0.0)


def _bits(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    return np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")


def _bits_at(words: npt.NDArray[np.uint64], places: npt.NDArray[np.intp]) -> npt.NDArray[np.uint64]:
    """Return the bits (inputs, places) of `words` (inputs, words)."""
    return (words[:, places // WORD] >> (places % WORD).astype(np.uint64)) & np.uint64(1)


def _shares(size: int) -> tuple[FloatArray, FloatArray]:
    """Return, for a players in and b out, (a-1)! b! / (a+b)! for one of those in and a! (b-1)! / (a+b)! for one out."""
    gain, loss = np.zeros((size, size)), np.zeros((size, size))
    for a in range(size):
        for b in range(size - a):
            if a:
                gain[a, b] = factorial(a - 1) * factorial(b) / factorial(a + b)
            if b:
                loss[a, b] = factorial(a) * factorial(b - 1) / factorial(a + b)
    return gain, loss
