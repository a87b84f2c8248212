"""Bins of a column: ranges of a number that hold enough cases of both outcomes, or levels, and one for nulls."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType
from training.data import Indices, Outcomes
from training.data_profile.cells import LEAST_CELL

# The tail is looked at more closely: rare outcomes live there, and columns that are mostly 0 end there.
SHARES = (*(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99)
FEW_VALUES = 12
NULL = "null"


@dataclass(frozen=True)
class Binned:
    """codes: the bin of each case (rows,). labels: of each bin, nulls last where there are any."""

    codes: Indices
    labels: tuple[str, ...]
    has_nulls: bool


def binned(values: FloatArray, column: Column, outcomes: Outcomes) -> Binned:
    """Return a column's bins: its levels, or tenths of its numbers, joined until each holds five of both outcomes.

    A number's borders are rounded, so that none is the value of one case.
    """
    missing = np.isnan(values)
    codes = np.zeros(len(values), dtype=np.intp)
    if column.levels or column.type is ColumnType.BOOLEAN:
        labels = tuple(str(level) for level in column.levels) or ("false", "true")
        codes[~missing] = values[~missing].astype(np.intp)
    else:
        borders = joined(tenths(values[~missing], column), values[~missing], outcomes[~missing])
        codes[~missing] = np.searchsorted(borders, values[~missing], side="left")
        labels = _labels(borders, column)
    codes[missing] = len(labels)
    has_nulls = bool(missing.any())
    return Binned(codes, (*labels, NULL) if has_nulls else labels, has_nulls)


def tenths(present: FloatArray, column: Column) -> FloatArray:
    """Return rounded borders of tenths, the last one parted again, or of each value of an integer with few."""
    if not len(present):
        return np.empty(0)
    whole = column.type is ColumnType.INTEGER
    distinct = np.unique(present)
    if whole and len(distinct) <= FEW_VALUES:
        return distinct[:-1]
    return np.unique(rounded(np.quantile(present, SHARES), present, whole=whole))


def joined(borders: FloatArray, present: FloatArray, outcomes: Outcomes) -> FloatArray:
    """Return the borders that leave at least five good and five bad cases in every bin, from the left."""
    codes = np.searchsorted(borders, present, side="left")
    good, bad = (np.bincount(codes[outcomes == o], minlength=len(borders) + 1) for o in (0, 1))
    kept, seen = [], np.zeros(2)
    left = np.array([good.sum(), bad.sum()], dtype=np.float64)
    for border, counts in zip(borders, np.stack([good, bad], axis=1), strict=False):
        seen += counts
        left -= counts
        if seen.min() >= LEAST_CELL and left.min() >= LEAST_CELL:
            kept.append(border)
            seen = np.zeros(2)
    return np.array(kept)


def rounded(borders: FloatArray, present: FloatArray, *, whole: bool = False) -> FloatArray:
    """Round to about a hundredth of the spread of the values (5 % to 95 % of them)."""
    low, high = np.quantile(present, (0.05, 0.95))
    spread = float(high - low) or float(np.ptp(present))
    if not spread:
        return borders
    digits = 2 - int(np.floor(np.log10(spread)))
    # Adding 0 makes a 0 of -0.0.
    return np.array([round(float(border), min(digits, 0) if whole else digits) + 0.0 for border in borders])


def number_text(value: float) -> str:
    """Return a number as people write it: 1,250 or 0.305."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _labels(borders: FloatArray, column: Column) -> tuple[str, ...]:
    if not len(borders):
        return ("all",)
    whole = column.type is ColumnType.INTEGER
    # Nothing lies below a hard minimum, so a bin up to it holds just that value.
    single = column.minimum is not None and borders[0] <= column.minimum
    first = number_text(borders[0]) if single else f"up to {number_text(borders[0])}"
    between = [_between(float(a), float(b), whole) for a, b in pairwise(borders)]
    last = f"{number_text(borders[-1] + 1)} and more" if whole else f"over {number_text(borders[-1])}"
    return (first, *between, last)


def _between(low: float, high: float, whole: bool) -> str:
    if not whole:
        return f"{number_text(low)} to {number_text(high)}"
    return (
        number_text(high)
        if high <= np.floor(low) + 1
        else f"{number_text(np.floor(low) + 1)} to {number_text(high)}"
    )
