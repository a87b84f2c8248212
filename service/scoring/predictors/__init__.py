"""The kinds of model that a bundle can hold. All are plain numbers that are checked before use; none is code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from service.scoring.arithmetic import FloatArray
from service.scoring.errors import BundleInvalid, parse_json
from service.scoring.predictors.linear import LinearPredictor
from service.scoring.predictors.network import Network
from service.scoring.predictors.symmetric_trees import SymmetricTrees
from service.scoring.predictors.trees import Trees

Reader: TypeAlias = "Callable[[Mapping[str, Any], Mapping[str, bytes], Sequence[int]], Predictor]"


class Predictor(Protocol):
    """A model that gives the log-odds of bad, the raw score, with the same bits for one record as for many."""

    kind: str

    def score_one(self, row: Sequence[float]) -> float:
        """Return the raw score of one encoded record; NaN stands for null."""

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""

    def to_files(self) -> dict[str, bytes]:
        """Return the files that `predictor_from_files` reads back."""


def predictor_from_files(files: Mapping[str, bytes], levels: Sequence[int]) -> Predictor:
    """Read a predictor; `levels` has the number of levels of each input, 0 for a number.

    Raises `BundleInvalid` for an unknown kind, a missing file or a figure out of bounds.
    """
    body = parse_json(files["predictor.json"], "predictor.json")
    kind = body.get("kind") if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in _READERS:
        raise BundleInvalid(f"predictor.json: kind {kind!r} is not one of: {', '.join(KINDS)}")
    return _READERS[kind](body, files, levels)


_READERS: dict[str, Reader] = {
    LinearPredictor.kind: lambda body, _, levels: LinearPredictor.from_body(body, levels),
    Network.kind: Network.from_files,
    SymmetricTrees.kind: SymmetricTrees.from_files,
    Trees.kind: Trees.from_files,
}
KINDS = tuple(_READERS)
