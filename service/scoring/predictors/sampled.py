"""Shapley values of one record against one reference record for a predictor that is only known by its scores.

With few inputs that differ, all coalitions are scored and the values are exact. With more, they are estimated from
permutations in pairs, each with its reverse (antithetic sampling: Mitchell et al., 2022). Along a permutation the
inputs change to the record's one by one, so that the changes always add up to the whole difference. How far an
estimate may be from the exact value is told by its standard error, from the spread between the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import factorial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray

Coalitions = npt.NDArray[np.bool_]

MOST_EXACT = 9
PAIRS = 16
SEED = 0


class Scored(Protocol):
    """Anything that scores an encoded matrix (rows, inputs)."""

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,)."""


class OfAny:
    """Contributions by scoring coalitions: rows that take some inputs from the record, the rest from the reference."""

    def __init__(
        self, predictor: Scored, reference: Sequence[float], most_exact: int = MOST_EXACT, pairs: int = PAIRS
    ) -> None:
        self._predictor = predictor
        self._reference = np.array(reference, dtype=np.float64)
        self._most_exact = most_exact
        # Drawn once: the same record always gets the same explanation.
        random = np.random.default_rng(SEED)
        orders = np.array([random.permutation(len(self._reference)) for _ in range(pairs)], dtype=np.intp)
        self._orders = np.concatenate([orders, orders[:, ::-1]])

    def __call__(self, row: Sequence[float]) -> FloatArray:
        """Return the contributions (inputs,) in raw log-odds; exactly 0 for an input that equals the reference's."""
        return self.with_errors(row)[0]

    def with_errors(self, row: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """Return the contributions and the standard error of each, both (inputs,); an exact one has the error 0."""
        record, players = self._players(row)
        values, errors = np.zeros(len(record)), np.zeros(len(record))
        if len(players) > self._most_exact:
            of_pairs = self._of_pairs(record, players)
            values[players] = of_pairs.mean(axis=0)
            errors[players] = of_pairs.std(axis=0) / np.sqrt(max(len(of_pairs) - 1, 1))
        elif len(players):
            values[players] = self._exact(record, players)
        return values, errors

    def _players(self, row: Sequence[float]) -> tuple[FloatArray, npt.NDArray[np.intp]]:
        """Return the record and the places of the inputs in which it differs from the reference."""
        record = np.array(row, dtype=np.float64)
        differs = (record != self._reference) & ~(np.isnan(record) & np.isnan(self._reference))
        return record, np.flatnonzero(differs)

    def _exact(self, record: FloatArray, players: npt.NDArray[np.intp]) -> FloatArray:
        coalitions, weights = _all_coalitions(len(players))
        # Not a matrix product: its last bits would depend on the processor and on the number of threads.
        scores = self._scores(record, players, coalitions)
        values: FloatArray = np.add.reduce(weights * scores[:, None], axis=0)
        return values

    def _of_pairs(self, record: FloatArray, players: npt.NDArray[np.intp]) -> FloatArray:
        """Return what each input changes when its turn comes, in the mean of a permutation and its reverse."""
        differs = np.zeros(len(record), dtype=np.bool_)
        differs[players] = True
        place = np.cumsum(differs) - 1
        orders = place[self._orders[differs[self._orders]]].reshape(len(self._orders), -1)
        rank = np.argsort(orders, axis=1)
        coalitions = rank[:, None, :] < np.arange(len(players) + 1)[None, :, None]
        scores = self._scores(record, players, coalitions.reshape(-1, len(players)))
        steps = np.take_along_axis(np.diff(scores.reshape(len(orders), -1), axis=1), rank, axis=1)
        there, back = np.split(steps, 2)
        of_pairs: FloatArray = (there + back) / 2.0
        return of_pairs

    def _scores(
        self, record: FloatArray, players: npt.NDArray[np.intp], coalitions: Coalitions
    ) -> FloatArray:
        rows = np.tile(self._reference, (len(coalitions), 1))
        rows[:, players] = np.where(coalitions, record[players], self._reference[players])
        return self._predictor.score_many(rows)


@lru_cache(maxsize=32)
def _all_coalitions(players: int) -> tuple[Coalitions, FloatArray]:
    """Return every coalition and the weight of its worth in each player's value, both (2**players, players)."""
    coalitions = ((np.arange(2**players)[:, None] >> np.arange(players)) & 1).astype(np.bool_)
    shares = [factorial(size) * factorial(players - size - 1) / factorial(players) for size in range(players)]
    size = coalitions.sum(axis=1)
    joins = np.array([0.0, *shares])[size][:, None]
    stays_out = np.array([*shares, 0.0])[size][:, None]
    return coalitions, np.where(coalitions, joins, -stays_out)
