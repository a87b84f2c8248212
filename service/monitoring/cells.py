"""Counts by day and by what decided: the small numbers that the log's entries come to, which can be added up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

MICROSECONDS_A_DAY = 86_400_000_000
# Of these the least and the greatest count, of everything else the sum.
FIRST, LAST = "first", "last"

Counts: TypeAlias = dict[str, npt.NDArray[Any]]
Cells: TypeAlias = "dict[Cell, Counts]"


class Of(StrEnum):
    """What counts are of."""

    DECISIONS = "decisions"
    OUTCOMES = "outcomes"
    SHADOW = "shadow"
    INPUTS = "inputs"


class Source(StrEnum):
    """Whether decisions were answered online, or made by batch runs."""

    ONLINE = "online"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Cell:
    """A day (since 1970, in UTC) and what decided then; "" where counts are not held apart by it."""

    of: Of
    day: int
    model: str = ""
    policy: str = ""
    source: str = ""


def day_of(at: int) -> int:
    """Return the day of a moment: days since 1970 in UTC, of microseconds since 1970."""
    return at // MICROSECONDS_A_DAY


def add(cells: Cells, cell: Cell, counts: Mapping[str, npt.NDArray[Any]]) -> None:
    """Add counts to a cell of `cells`, where it is made if it is not there."""
    there = cells.setdefault(cell, {})
    for name, values in counts.items():
        there[name] = _TOGETHER.get(name, np.add)(there[name], values) if name in there else values


def added(parts: Iterable[Cells]) -> Cells:
    """Return several cells as one, those of the same day and model added up."""
    together: Cells = {}
    for part in parts:
        for cell, counts in part.items():
            add(together, cell, counts)
    return together


def to_json(counts: Counts) -> str:
    """Return counts as text."""
    return json.dumps({name: values.tolist() for name, values in counts.items()}, separators=(",", ":"))


def from_json(text: str) -> Counts:
    """Read what `to_json` wrote."""
    return {name: np.array(values) for name, values in json.loads(text).items()}


_TOGETHER: dict[str, Any] = {FIRST: np.minimum, LAST: np.maximum}
