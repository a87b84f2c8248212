"""Candidates that learn from some of the inputs only, and predictors that are then given all of them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors import Predictor
from service.scoring.predictors.design import Design, Scale
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm, Term
from service.scoring.predictors.network import Layer, Network
from service.scoring.predictors.symmetric_trees import UNUSED, SymmetricTrees
from service.scoring.predictors.trees import LEAF, Trees
from training.candidates import Candidate, RawScorer
from training.candidates.candidate import Parameters
from training.data import Outcomes


def on_inputs(candidate: Candidate, kept: Sequence[str], inputs: Sequence[str]) -> Candidate:
    """Return the candidate fitted on `kept` alone, of all `inputs`; it takes and serves whole records as before.

    Raises `ValueError` when an input is none of `inputs`, or none is kept.
    """
    if unknown := [name for name in kept if name not in inputs]:
        raise ValueError(f"{unknown[0]!r} is not one of: {', '.join(inputs)}")
    if not kept:
        raise ValueError(f"{candidate.name} needs at least one input")
    positions = tuple(position for position, name in enumerate(inputs) if name in kept)
    return replace(
        candidate,
        name=f"{candidate.name}, {len(positions)} of {len(inputs)} inputs",
        fit=_NarrowFit(candidate, positions),
    )


def widened(predictor: Predictor, kept: Sequence[int], levels: Sequence[int]) -> Predictor:
    """Return a predictor of all inputs whose scores are those of `predictor` on the `kept` ones, bit for bit.

    kept: positions of the narrow predictor's inputs, rising. levels: of all inputs, 0 for a number. Raises
    `TypeError` for a kind of predictor that nobody has taught this.
    """
    for kind, widen in _WIDENERS.items():
        if isinstance(predictor, kind):
            return widen(predictor, np.asarray(kept, dtype=np.int32), tuple(levels))
    raise TypeError(
        f"a predictor of kind {predictor.kind!r} cannot be fitted on a part of the inputs; "
        f"these can: {', '.join(kind.kind for kind in _WIDENERS)}"
    )


@dataclass(frozen=True)
class _Narrow:
    """A model that is only compared: it is shown its own inputs of a whole matrix."""

    scorer: RawScorer
    kept: tuple[int, ...]

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""
        return self.scorer.score_many(matrix[:, self.kept])


@dataclass(frozen=True)
class _NarrowFit:
    """Fits a candidate on some columns of the matrix; a named class, so that it can travel between processes."""

    candidate: Candidate
    kept: tuple[int, ...]

    def __call__(
        self,
        matrix: FloatArray,
        outcomes: Outcomes,
        levels: Sequence[int],
        parameters: Parameters,
        seed: int,
    ) -> RawScorer:
        own = [levels[position] for position in self.kept]
        fitted = self.candidate.fit(matrix[:, self.kept], outcomes, own, parameters, seed)
        if not self.candidate.servable:
            return _Narrow(fitted, self.kept)
        return widened(cast(Predictor, fitted), self.kept, levels)


def _widen_linear(narrow: LinearPredictor, kept: np.ndarray, levels: tuple[int, ...]) -> LinearPredictor:
    given = dict(zip(kept.tolist(), narrow.terms, strict=True))
    terms: list[Term] = [
        given.get(i) or (LevelTerm((0.0,) * count, 0.0) if count else NumberTerm(0.0, 0.0, 0.0, 0.0, 0.0))
        for i, count in enumerate(levels)
    ]
    return LinearPredictor(narrow.intercept, terms)


def _widen_network(narrow: Network, kept: np.ndarray, levels: tuple[int, ...]) -> Network:
    given = dict(zip(kept.tolist(), narrow.design.scales, strict=True))
    # What is left out is 0 whatever its value, and its null has no weight.
    scales = [given.get(i, None if count else Scale(0.0, 1.0, 0.0, 0.0)) for i, count in enumerate(levels)]
    widths = [(count or 1) + 1 for count in levels]
    own = np.repeat(np.isin(np.arange(len(levels)), kept), widths)
    first = narrow.layers[0]
    weights = np.zeros((len(own), first.weights.shape[1]))
    weights[own] = first.weights
    return Network(Design(scales, levels), [Layer(weights, first.bias), *narrow.layers[1:]])


def _widen_symmetric(narrow: SymmetricTrees, kept: np.ndarray, levels: tuple[int, ...]) -> SymmetricTrees:
    inputs = np.where(narrow.inputs == UNUSED, UNUSED, kept[narrow.inputs]).astype(np.int32)
    return SymmetricTrees(narrow.bias, inputs, narrow.values, narrow.leaves, levels)


def _widen_trees(narrow: Trees, kept: np.ndarray, levels: tuple[int, ...]) -> Trees:
    nodes = narrow.nodes.copy()
    nodes["input"] = np.where(nodes["input"] == LEAF, LEAF, kept[nodes["input"]])
    return Trees(narrow.bias, narrow.link, nodes, levels)


_WIDENERS: dict[Any, Callable[[Any, np.ndarray, tuple[int, ...]], Predictor]] = {
    LinearPredictor: _widen_linear,
    Network: _widen_network,
    SymmetricTrees: _widen_symmetric,
    Trees: _widen_trees,
}
