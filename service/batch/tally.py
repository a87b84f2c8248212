"""How many rows came in, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import AvalError
from service.scoring.policy import DECISIONS
from service.scoring.profile import SCORE_BORDERS

Counts = npt.NDArray[np.int64]


def _zeros(length: int) -> Counts:
    return np.zeros(length, dtype=np.int64)


@dataclass(slots=True)
class Tally:
    """Rows read, and apart from them rows scored and quarantined; all three are counted where they happen.

    decisions: (3,) in the order of `DECISIONS`. scores: (20,), of probabilities between the profile's borders.
    findings: rows by refused field and code, as `field: code`.
    """

    rows_in: int = 0
    rows_scored: int = 0
    rows_quarantined: int = 0
    decisions: Counts = field(default_factory=lambda: _zeros(len(DECISIONS)))
    scores: Counts = field(default_factory=lambda: _zeros(len(SCORE_BORDERS) + 1))
    findings: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.rows_in += other.rows_in
        self.rows_scored += other.rows_scored
        self.rows_quarantined += other.rows_quarantined
        self.decisions += other.decisions
        self.scores += other.scores
        self.findings.update(other.findings)

    @property
    def rows_done(self) -> int:
        """Rows scored or quarantined."""
        return self.rows_scored + self.rows_quarantined

    @property
    def by_decision(self) -> dict[str, int]:
        """How many scored rows got each decision."""
        return dict(zip(map(str, DECISIONS), self.decisions.tolist(), strict=True))

    def expect_reconciled(self, name: str) -> None:
        """Raise `AvalError` unless every row that was read was scored or quarantined, and every one of them decided."""
        sums = {int(self.decisions.sum()), int(self.scores.sum())}
        if self.rows_in != self.rows_done or sums != {self.rows_scored}:
            raise AvalError(
                f"{name}: the rows do not add up: {self.rows_in:,} read, {self.rows_scored:,} scored, "
                f"{self.rows_quarantined:,} quarantined; nothing was written. This is a defect of Aval: report it"
            )

    def as_json(self) -> dict[str, Any]:
        """Return the tally as JSON data."""
        return {
            "rows_in": self.rows_in,
            "rows_scored": self.rows_scored,
            "rows_quarantined": self.rows_quarantined,
            "decisions": self.by_decision,
            "scores": self.scores.tolist(),
            "findings": dict(sorted(self.findings.items())),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Tally:
        """Read what `as_json` returned, also amid other data."""
        return cls(
            body["rows_in"],
            body["rows_scored"],
            body["rows_quarantined"],
            np.array([body["decisions"][str(name)] for name in DECISIONS], dtype=np.int64),
            np.array(body["scores"], dtype=np.int64),
            Counter(body["findings"]),
        )
