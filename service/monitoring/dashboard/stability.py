"""PSI and CSI of counts, where there are enough of them for chance not to look like drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.profile import smoothed_shares

WARN, ALARM = 0.1, 0.25
LEAST_RECORDS = 120
# Of records that have not drifted the index is about (bins - 1) / records by chance (Yurdakul, 2018): with this bound
# on it, chance makes up half of a warning at most.
MOST_BY_CHANCE = 0.05

Integers = npt.NDArray[np.int64]


def index_of(reference: Integers, counts: Integers) -> float | None:
    """Return the stability index of counts (bins,) against a reference (bins,), None where they are too few."""
    return indices_of(reference, counts[np.newaxis])[0]


def indices_of(reference: Integers, counts: Integers) -> list[float | None]:
    """Return the stability index of each row of counts (rows, bins), None where a row has too few.

    `service.scoring.profile.stability_index` of all rows at once.
    """
    records = counts.sum(axis=1)
    bins = np.count_nonzero(reference + counts, axis=1)
    enough = (records >= LEAST_RECORDS) & (bins - 1 <= MOST_BY_CHANCE * records) & (reference.sum() > 0)
    smooth = counts + 0.5
    a, b = smooth / smooth.sum(axis=1, keepdims=True), smoothed_shares(reference.tolist())
    indices = ((a - b) * np.log(a / b)).sum(axis=1)
    return [index if known else None for index, known in zip(indices.tolist(), enough.tolist(), strict=True)]


def status_of(index: float | None) -> str:
    """Return what an index says: ok, warn, alarm, or few where there is none."""
    if index is None:
        return "few"
    return "alarm" if index >= ALARM else "warn" if index >= WARN else "ok"


def share(part: Any, whole: Any) -> float | None:
    """Return a part of a whole, None of nothing."""
    return float(part) / float(whole) if whole else None
