"""The groups that cases fall into, by each protected column of their contract."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import floor, inf

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Contract, Role
from training.data import Cases

UNKNOWN = "unknown"
# Years at which a band of age begins; the first band begins with the youngest age that the contract allows, whatever
# border lies at or below it.
AGE_BORDERS = (25, 35, 45, 55, 65)


def protected_groups(cases: Cases) -> dict[str, list[str]]:
    """Return a group label per case (rows,) for every protected column, nulls as `unknown`.

    Levels are groups of their own name. Numbers in years are banded at `AGE_BORDERS`, others at their quartiles.
    """
    return {
        column.name: _labels(column, cases.values[column.name])
        for column in grouping_columns(cases.use_case.contract)
    }


def grouping_columns(contract: Contract) -> list[Column]:
    """Return the protected columns that part people into groups: an id or a time is each person's own."""
    return [
        column
        for column in contract.of_role(Role.PROTECTED)
        if column.type not in (ColumnType.ID, ColumnType.TIME)
    ]


def _labels(column: Column, values: FloatArray) -> list[str]:
    known = ~np.isnan(values)
    place, names = _levels(column, values) if not column.is_numeric else _bands(column, values, known)
    return [names[position] if is_known else UNKNOWN for position, is_known in zip(place, known, strict=True)]


def _levels(column: Column, values: FloatArray) -> tuple[list[int], list[str]]:
    names = [str(level) for level in column.levels] or ["no", "yes"]
    return np.nan_to_num(values).astype(int).tolist(), names


def _bands(column: Column, values: FloatArray, known: np.ndarray) -> tuple[list[int], list[str]]:
    years = column.unit == "years"
    borders = _age_borders(column) if years else _quartiles(values[known])
    # An age of 24.9 is 24 in words; no other number is rounded.
    place = np.searchsorted(borders, np.floor(values) if years else values, side="right")
    return place.tolist(), _ages(column, borders) if years else _ranges(borders)


def _quartiles(values: FloatArray) -> list[float]:
    if not len(values):
        return []
    found: list[float] = np.unique(np.quantile(values, (0.25, 0.5, 0.75), method="higher")).tolist()
    return found


def _age_borders(column: Column) -> list[float]:
    youngest = -inf if column.minimum is None else floor(column.minimum)
    return [float(border) for border in AGE_BORDERS if border > youngest]


def _ages(column: Column, borders: Sequence[float]) -> list[str]:
    """Return the names of the bands (borders + 1,)."""
    if column.minimum is None:
        return [f"under {borders[0]:.0f}", *_bands_from(borders)]
    return _bands_from([floor(column.minimum), *borders])


def _bands_from(starts: Sequence[float]) -> list[str]:
    closed = [
        f"{low:.0f}-{high - 1:.0f}" if high - low > 1 else f"{low:.0f}" for low, high in pairwise(starts)
    ]
    return [*closed, f"{starts[-1]:.0f}+"]


def _ranges(borders: list[float]) -> list[str]:
    if not borders:
        return ["all"]
    middle = [f"{low:g} to below {high:g}" for low, high in pairwise(borders)]
    return [f"below {borders[0]:g}", *middle, f"from {borders[-1]:g}"]
