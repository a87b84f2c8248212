"""What a use case declares: one file says everything that the product needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import pandas as pd

from service.scoring.contract import (
    Column,
    ColumnType,
    Contract,
    Derived,
    Operation,
    Outcome,
    Role,
)
from service.scoring.policy import Costs
from service.scoring.reasons import ReasonText

Generator: TypeAlias = Callable[[np.random.Generator, int], pd.DataFrame]


class Split(StrEnum):
    """How rows are set aside: at random within each outcome, or the latest ones."""

    STRATIFIED = "stratified"
    TIME = "time"


@dataclass(frozen=True)
class UseCase:
    """A use case: its contract, costs, reason texts, split and a generator of realistic records.

    `generate(rng, rows)` returns a table as a file of past cases would hold it: every column of the contract, the
    outcome in its own coding, nulls where the real data have them. `reasons` has one text per input.
    """

    contract: Contract
    costs: Costs
    reasons: Mapping[str, ReasonText]
    source: str
    generate: Generator
    split: Split = Split.STRATIFIED

    def __post_init__(self) -> None:
        if missing := [name for name in self.contract.inputs if name not in self.reasons]:
            raise ValueError(f"{self.name}: no reason text for {', '.join(missing)}")
        times = [column.name for column in self.contract.of_role(Role.TIME)]
        if self.split is Split.TIME and not times:
            raise ValueError(f"{self.name}: a split by time needs a column of role time")

    @property
    def name(self) -> str:
        """The use case's name, as users type it."""
        return self.contract.use_case

    def sample(self, rows: int, seed: int = 0) -> pd.DataFrame:
        """Return `rows` generated past cases; the same seed gives the same rows."""
        return self.generate(np.random.default_rng(seed), rows)


__all__ = [
    "Column",
    "ColumnType",
    "Contract",
    "Costs",
    "Derived",
    "Operation",
    "Outcome",
    "ReasonText",
    "Role",
    "Split",
    "UseCase",
]
