"""How columns go together: ranks of numbers, and levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.data import Indices


def rank_correlations(columns: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Return Spearman's correlations: `columns` and a `matrix`, None where a column never changes.

    Each number is ranked among all that are not null; a pair counts the cases that have both.
    """
    import pandas as pd

    matrix = pd.DataFrame(dict(columns)).rank().corr().to_numpy()
    return {"columns": list(columns), "matrix": _plain(matrix)}


def level_associations(columns: Mapping[str, tuple[Indices, int]]) -> dict[str, Any]:
    """Return Cramér's V, corrected for chance (Bergsma, 2013), of columns given as (codes (rows,), codes in all)."""
    names = list(columns)
    matrix = np.eye(len(names))
    for i, a in enumerate(names):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = _cramer(*columns[a], *columns[names[j]])
    return {"columns": names, "matrix": _plain(matrix)}


def strongest(found: Mapping[str, Any], most: int = 12, least: float = 0.3) -> list[tuple[str, str, float]]:
    """Return the pairs that go together most, as (column, column, figure), the strongest first."""
    names: Sequence[str] = found["columns"]
    pairs = [
        (names[j], names[i], value)
        for i, row in enumerate(found["matrix"])
        for j, value in enumerate(row[:i])
        if value is not None and abs(value) >= least
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:most]


def _cramer(a: Indices, size_a: int, b: Indices, size_b: int) -> float:
    from scipy.stats.contingency import expected_freq

    table = np.bincount(a * size_b + b, minlength=size_a * size_b).reshape(size_a, size_b).astype(np.float64)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    rows, columns = table.shape
    total = table.sum()
    if min(rows, columns) < 2:
        return float("nan")
    expected = expected_freq(table)
    phi2 = float(((table - expected) ** 2 / expected).sum()) / total
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (total - 1))
    least = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)) - 1
    return float(min(1.0, np.sqrt(phi2 / least))) if least > 0 else float("nan")


def _plain(matrix: FloatArray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in matrix]
