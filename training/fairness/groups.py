"""The groups that cases fall into, by each protected column of their contract."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Role
from training.data import Cases

UNKNOWN = "unknown"
# Years at which a band of age begins; the first band begins with the youngest age that the contract allows.
AGE_BORDERS = (25, 35, 45, 55, 65)


def protected_groups(cases: Cases) -> dict[str, list[str]]:
    """Return a group label per case (rows,) for every protected column, nulls as `unknown`.

    Levels are groups of their own name. Numbers in years are banded at `AGE_BORDERS`, others at their quartiles.
    """
    columns = cases.use_case.contract.of_role(Role.PROTECTED)
    return {
        column.name: _labels(column, cases.values[column.name])
        for column in columns
        if column.type not in (ColumnType.ID, ColumnType.TIME)
    }


def _labels(column: Column, values: FloatArray) -> list[str]:
    known = ~np.isnan(values)
    place, names = _levels(column, values) if not column.is_numeric else _bands(column, values, known)
    return [names[position] if is_known else UNKNOWN for position, is_known in zip(place, known, strict=True)]


def _levels(column: Column, values: FloatArray) -> tuple[list[int], list[str]]:
    names = [str(level) for level in column.levels] or ["no", "yes"]
    return np.nan_to_num(values).astype(int).tolist(), names


def _bands(column: Column, values: FloatArray, known: np.ndarray) -> tuple[list[int], list[str]]:
    years = column.unit == "years"
    borders = [float(border) for border in AGE_BORDERS] if years else _quartiles(values[known])
    # An age of 24.9 is 24 in words; no other number is rounded.
    place = np.searchsorted(borders, np.floor(values) if years else values, side="right")
    return place.tolist(), _ages(column) if years else _ranges(borders)


def _quartiles(values: FloatArray) -> list[float]:
    if not len(values):
        return []
    found: list[float] = np.unique(np.quantile(values, (0.25, 0.5, 0.75), method="higher")).tolist()
    return found


def _ages(column: Column) -> list[str]:
    first = "under 25" if column.minimum is None else f"{column.minimum:.0f}-{AGE_BORDERS[0] - 1}"
    middle = [f"{low}-{high - 1}" for low, high in pairwise(AGE_BORDERS)]
    return [first, *middle, f"{AGE_BORDERS[-1]}+"]


def _ranges(borders: list[float]) -> list[str]:
    if not borders:
        return ["all"]
    middle = [f"{low:g} to below {high:g}" for low, high in pairwise(borders)]
    return [f"below {borders[0]:g}", *middle, f"from {borders[-1]:g}"]
