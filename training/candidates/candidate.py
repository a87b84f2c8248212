"""A candidate: a kind of model that is tried, with the parameters it starts from and those it may be tuned to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors import Predictor
from training.data import Outcomes

if TYPE_CHECKING:
    import optuna

Parameters: TypeAlias = Mapping[str, Any]
Space: TypeAlias = "Callable[[optuna.Trial], Parameters]"
Fit: TypeAlias = "Callable[[FloatArray, Outcomes, Sequence[int], Parameters, int], RawScorer]"

# Parallelism lies inside a fit, so that the number of trials at a time never decides what is found.
THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
# With fewer, threads of OpenMP wait for one another longer than they work: measured, on a busy machine, five times.
ROWS_PER_THREAD = 100_000


class ServingClass(IntEnum):
    """How much a model costs to serve, by its kind: declared, not timed."""

    LINEAR = 1
    SYMMETRIC_TREES = 2
    OTHER = 3


class RawScorer(Protocol):
    """What comparing needs of a fitted model; a `Predictor` is one, a model that cannot be served is no more."""

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs): the higher, the likelier bad."""


def nothing_to_tune(_: optuna.Trial) -> Parameters:
    """Suggest nothing: the candidate stays as it is."""
    return {}


@dataclass(frozen=True)
class Candidate:
    """A kind of model and its parameters; `fit(matrix, outcomes, levels, parameters, seed)` gives a scorer.

    space: suggests one value for each parameter that may be tuned; the starting values lie within it. servable:
    whether `fit` gives a `Predictor`, which a bundle can hold; the others are compared and tracked only.
    """

    name: str
    serving_class: ServingClass
    fit: Fit
    parameters: Parameters = field(default_factory=dict)
    space: Space = nothing_to_tune
    servable: bool = True

    def with_parameters(self, parameters: Parameters) -> Candidate:
        """Return the candidate with these parameters in place of its own of the same names."""
        return replace(self, parameters={**self.parameters, **parameters})

    def fitted(self, matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], seed: int) -> RawScorer:
        """Fit on `matrix` (rows, inputs) and `outcomes` (rows,), 1 = bad; the same arguments give the same scores."""
        return self.fit(matrix, outcomes, levels, self.parameters, seed)

    def predictor(
        self, matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], seed: int
    ) -> Predictor:
        """Fit what a bundle can hold; raises `ValueError` for a candidate that is not servable."""
        if not self.servable:
            raise ValueError(f"{self.name} is compared only: it would carry the rows that it learnt from")
        return cast(Predictor, self.fitted(matrix, outcomes, levels, seed))


def threads_for(rows: int) -> int:
    """Return how many threads are worth while for a fit of so many rows."""
    return min(THREADS, max(1, rows // ROWS_PER_THREAD))
