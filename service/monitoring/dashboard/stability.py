"""PSI and CSI of counts, where there are enough of them for chance not to look like drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.profile import stability_index

WARN, ALARM = 0.1, 0.25
LEAST_RECORDS = 120
# Of records that have not drifted the index is about (bins - 1) / records by chance (Yurdakul, 2018): with this bound
# on it, chance makes up half of a warning at most.
MOST_BY_CHANCE = 0.05

Integers = npt.NDArray[np.int64]


def index_of(reference: Integers, counts: Integers) -> float | None:
    """Return the stability index of counts (bins,) against a reference (bins,), None where they are too few."""
    records = int(counts.sum())
    bins = int(np.count_nonzero(reference + counts))
    if records < LEAST_RECORDS or (bins - 1) / records > MOST_BY_CHANCE or not reference.sum():
        return None
    return stability_index(reference.tolist(), counts.tolist())


def status_of(index: float | None) -> str:
    """Return what an index says: ok, warn, alarm, or few where there is none."""
    if index is None:
        return "few"
    return "alarm" if index >= ALARM else "warn" if index >= WARN else "ok"


def share(part: Any, whole: Any) -> float | None:
    """Return a part of a whole, None of nothing."""
    return float(part) / float(whole) if whole else None
