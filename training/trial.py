"""One attempt of the search for parameters, as it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

TrialState: TypeAlias = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """One candidate with one set of parameters, cross-validated as far as it was worth it.

    number: counted from 0 over the whole search. objective: what the search makes as small as it can, None where
    nothing was measured. figures: metrics by name, of the folds that were done.
    """

    candidate: str
    number: int
    parameters: Mapping[str, Any]
    objective: float | None
    figures: Mapping[str, float]
    state: TrialState
    seconds: float
