"""How many rows came in and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.batch.scored_block import ScoredBlock
from service.errors import AvalError
from service.scoring.policy import DECISIONS


def _none_yet() -> npt.NDArray[np.intp]:
    return np.zeros(len(DECISIONS), dtype=np.intp)


@dataclass(slots=True)
class Counts:
    """Rows read, and apart from them rows written; at the end the two must agree."""

    rows_in: int = 0
    rows_scored: int = 0
    rows_quarantined: int = 0
    by_decision: npt.NDArray[np.intp] = field(default_factory=_none_yet)

    def reading(self, blocks: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Pass blocks on, counting what is read."""
        for block in blocks:
            self.rows_in += block.num_rows
            yield block

    def add_written(self, scored: ScoredBlock) -> None:
        """Count a block whose answers and refusals were written."""
        self.rows_scored += scored.answers.num_rows
        self.rows_quarantined += scored.refused.num_rows
        self.by_decision += scored.decisions

    @property
    def rows_done(self) -> int:
        """Rows written, scored or quarantined."""
        return self.rows_scored + self.rows_quarantined

    @property
    def decisions(self) -> dict[str, int]:
        """How many scored rows got each decision."""
        return dict(zip(map(str, DECISIONS), self.by_decision.tolist(), strict=True))

    def expect_reconciled(self) -> None:
        """Raise `AvalError` unless every row that was read was written once."""
        if self.rows_in != self.rows_done or self.rows_scored != self.by_decision.sum():
            raise AvalError(
                f"the rows do not add up: {self.rows_in:,} read, {self.rows_scored:,} scored, "
                f"{self.rows_quarantined:,} quarantined; nothing was written. This is a defect of Aval: report it"
            )
