"""How the bad rate and the columns move in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Role
from service.scoring.profile import stability_index
from training.data import Cases
from training.data_profile.bins import Binned
from training.data_profile.cells import cells, counts_of
from training.data_profile.information import divergence_by_chance

MOST_PERIODS = 24
# Longer and longer periods, until there are few enough of them: (numpy's unit, how many of it, name).
PERIODS = (("D", 1, "day"), ("D", 7, "week"), ("M", 1, "month"), ("M", 3, "quarter"), ("Y", 1, "year"))
# The first of January 1970 was a Thursday: weeks are counted from the Monday before.
DAYS_TO_MONDAY = 3


def over_time(cases: Cases, bins: Mapping[str, Binned]) -> dict[str, Any] | None:
    """Return `periods` with their bad rates, and the `stability` of each column; None where no case has a time.

    The stability is the PSI between the first and the last third of the cases, with what `chance` alone would reach
    once in a hundred times.
    """
    times = cases.times
    if times is None or times.min() == times.max():
        return None
    starts, codes, name = _periods(times)
    found = [
        {"from": start, **cell}
        for start, cell in zip(starts, cells(*counts_of(codes, cases.outcomes, len(starts))), strict=True)
    ]
    column = cases.use_case.contract.of_role(Role.TIME)[0].name
    return {"column": column, "period": name, "periods": found, "stability": _stability(times, bins)}


def _periods(times: FloatArray) -> tuple[list[str], np.ndarray, str]:
    for unit, count, name in PERIODS:
        number = _numbered(times, unit, count)
        if number.max() - number.min() < MOST_PERIODS or name == PERIODS[-1][2]:
            break
    used, codes = np.unique(number, return_inverse=True)
    shift = DAYS_TO_MONDAY if name == "week" else 0
    starts = (used * count - shift).astype(f"datetime64[{unit}]").astype(str).tolist()
    return starts, codes.astype(np.intp), name


def _numbered(times: FloatArray, unit: str, count: int) -> np.ndarray:
    since = times.astype(np.int64).astype("datetime64[s]").astype(f"datetime64[{unit}]").astype(np.int64)
    numbers: np.ndarray = (since + (DAYS_TO_MONDAY if (unit, count) == ("D", 7) else 0)) // count
    return numbers


def _stability(times: FloatArray, bins: Mapping[str, Binned]) -> list[dict[str, Any]]:
    first_end, last_start = np.quantile(times, (1 / 3, 2 / 3))
    first, last = times <= first_end, times > last_start
    if not last.any():
        return []
    found = []
    for name, item in bins.items():
        before, after = (np.bincount(item.codes[part], minlength=len(item.labels)) for part in (first, last))
        used = int(((before + after) > 0).sum())
        found.append(
            {
                "column": name,
                "psi": stability_index(before.tolist(), after.tolist()),
                "chance": divergence_by_chance(used, int(first.sum()), int(last.sum())),
            }
        )
    return found
