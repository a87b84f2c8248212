"""Claims and what simulations measured of them, as lines of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.intervals import wilson


@dataclass(frozen=True)
class Line:
    """A claim, what was measured, and of how many repetitions."""

    claim: str
    measured: str
    repetitions: int


def table(lines: Sequence[Line]) -> str:
    """Return lines as a Markdown table."""
    rows = [f"| {line.claim} | {line.measured} | {line.repetitions:,} |" for line in lines]
    return "\n".join(["| claim | measured | repetitions |", "|---|---|---|", *rows])


def share_of(hits: int, many: int) -> str:
    """Return hits among many as a share with its interval."""
    low, high = wilson(hits / many, many)
    return f"{hits / many:.1%} ({low:.1%} to {high:.1%})"


def many_of(full: int, share: float) -> int:
    """Return a share of the full number of repetitions, at least two."""
    return max(2, round(full * share))
