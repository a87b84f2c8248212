"""Logistic regression as plain weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, expect_number


@dataclass(frozen=True, slots=True)
class NumberTerm:
    """`weight * (clip(x, low, high) - center)`, or `if_null` for a null."""

    weight: float
    center: float
    low: float
    high: float
    if_null: float


@dataclass(frozen=True, slots=True)
class LevelTerm:
    """One weight per level, in the contract's order, or `if_null` for a null."""

    weights: tuple[float, ...]
    if_null: float


Term = NumberTerm | LevelTerm


class LinearPredictor:
    """The sum of one term per input and an intercept, added in the order of the inputs."""

    kind = "linear"

    def __init__(self, intercept: float, terms: Sequence[Term]) -> None:
        self.intercept = intercept
        self.terms = tuple(terms)
        self._tables = [
            np.array([*term.weights, term.if_null]) if isinstance(term, LevelTerm) else None
            for term in self.terms
        ]

    def score_one(self, row: Sequence[float]) -> float:
        """Return the raw score of one encoded record."""
        score = self.intercept
        for term, x in zip(self.terms, row, strict=True):
            score += _term_of(term, x)
        return score

    def contributions_one(self, row: Sequence[float]) -> list[float]:
        """Return each input's term; with the intercept they add up to the raw score."""
        return [_term_of(term, x) for term, x in zip(self.terms, row, strict=True)]

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""
        score = np.full(len(matrix), self.intercept)
        for position, (term, table) in enumerate(zip(self.terms, self._tables, strict=True)):
            x = matrix[:, position]
            missing = np.isnan(x)
            if isinstance(term, NumberTerm):
                value = term.weight * (np.clip(x, term.low, term.high) - term.center)
                score += np.where(missing, term.if_null, value)
            elif table is not None:
                score += table[np.where(missing, len(table) - 1, x).astype(np.intp)]
        return score

    def to_files(self) -> dict[str, bytes]:
        """Return `predictor.json` with every weight."""
        body = {
            "kind": self.kind,
            "intercept": self.intercept,
            "terms": [asdict(term) for term in self.terms],
        }
        return {"predictor.json": canonical_json(body)}

    @classmethod
    def from_body(cls, body: Mapping[str, Any], levels: Sequence[int]) -> LinearPredictor:
        """Read the weights; `levels` has the number of levels of each input, 0 for a number."""
        expect_keys(body, {"kind", "intercept", "terms"}, "linear predictor")
        terms = body["terms"]
        if not isinstance(terms, list) or len(terms) != len(levels):
            raise BundleInvalid(f"linear predictor: expected {len(levels)} terms")
        return cls(
            expect_number(body["intercept"], "intercept"),
            [_read_term(term, count) for term, count in zip(terms, levels, strict=True)],
        )


def _term_of(term: Term, x: float) -> float:
    if x != x:  # noqa: PLR0124  # the fastest test for NaN
        return term.if_null
    if isinstance(term, NumberTerm):
        return term.weight * (min(max(x, term.low), term.high) - term.center)
    return term.weights[int(x)]


def _read_term(body: Any, levels: int) -> Term:
    if levels:
        expect_keys(body, {"weights", "if_null"}, "level term")
        if not isinstance(body["weights"], list) or len(body["weights"]) != levels:
            raise BundleInvalid(f"linear predictor: expected {levels} weights, one per level")
        weights = tuple(expect_number(weight, "weight") for weight in body["weights"])
        return LevelTerm(weights, expect_number(body["if_null"], "if_null"))
    expect_keys(body, {"weight", "center", "low", "high", "if_null"}, "number term")
    term = NumberTerm(**{name: expect_number(value, name) for name, value in body.items()})
    if not (term.low <= term.high and math.isfinite(term.weight)):
        raise BundleInvalid(f"linear predictor: low={term.low} is above high={term.high}")
    return term
