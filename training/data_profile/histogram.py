"""Histograms of a number, one per outcome, over the same ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType
from training.data import Outcomes
from training.data_profile.bins import FEW_VALUES, joined, rounded
from training.data_profile.cells import LEAST_CELL

BARS = 20
# Wider than this from the first to the last hundredth, a number is shown on a scale of magnitudes.
MAGNITUDES = 50


def histogram(values: FloatArray, column: Column, outcomes: Outcomes) -> dict[str, Any] | None:
    """Return `borders` (bars + 1), shares of the `good` and the `bad` per bar and whether the scale is `logarithmic`.

    What lies outside the middle 98 % counts in the bars at the ends. None for fewer than twenty values, and for
    integers of so few different ones that their bins already show all.
    """
    present = ~np.isnan(values)
    x, truth = values[present], outcomes[present]
    whole = column.type is ColumnType.INTEGER
    if len(x) < 4 * LEAST_CELL or (whole and len(np.unique(x)) <= FEW_VALUES):
        return None
    # So far in that five cases lie beyond: an end must not be the value of one of them.
    tail = max(0.01, LEAST_CELL / len(x))
    low, high = rounded(np.quantile(x, (tail, 1 - tail)), x, whole=whole).tolist()
    if not low < high:
        return None
    logarithmic = low > 0 and high / low > MAGNITUDES
    ends = np.geomspace(low, high, BARS + 1) if logarithmic else np.linspace(low, high, BARS + 1)
    # Integers fall between the borders, so that each bar holds whole values.
    inner = np.unique(np.floor(ends[1:-1]) + 0.5) if whole else ends[1:-1]
    inner = joined(inner, x, truth)
    codes = np.searchsorted(inner, x, side="left")
    counts = [np.bincount(codes[truth == outcome], minlength=len(inner) + 1) for outcome in (0, 1)]
    good, bad = ((count / max(count.sum(), 1)).tolist() for count in counts)
    return {"borders": [low, *inner.tolist(), high], "good": good, "bad": bad, "logarithmic": logarithmic}
