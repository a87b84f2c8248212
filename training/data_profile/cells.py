"""Counts and bad rates of groups of cases; groups of too few people are not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data import Indices, Outcomes

LEAST_CELL = 5
FEW = f"<{LEAST_CELL}"
_NO_RATE: dict[str, float | None] = {"bad_rate": None, "low": None, "high": None}


def rate(cases: int, bad: int) -> dict[str, float]:
    """Return the bad rate of at least one case, with its 95 % interval (Jeffreys; Brown, Cai and DasGupta, 2001)."""
    from scipy.stats import beta

    low, high = beta.ppf((0.025, 0.975), bad + 0.5, cases - bad + 0.5)
    return {
        "bad_rate": bad / cases,
        "low": float(low) if bad else 0.0,
        "high": float(high) if bad < cases else 1.0,
    }


def cells(cases: Sequence[int], bad: Sequence[int]) -> list[dict[str, Any]]:
    """Return `cases`, `bad_rate`, `low`, `high` and `with_few` per group.

    A group of 1 to 4 is "<5", and its rates are None. Its cases count in the smallest group that is shown, which
    is marked `with_few`: otherwise the total, less the groups shown, would tell.
    """
    partner, pooled_cases, pooled_bad = _pooled(cases, bad)
    shown: list[dict[str, Any]] = []
    for group, count in enumerate(cases):
        if 0 < count < LEAST_CELL:
            shown.append({"cases": FEW, **_NO_RATE, "with_few": False})
        else:
            n, b = pooled_cases[group], pooled_bad[group]
            shown.append({"cases": n, **(rate(n, b) if n else _NO_RATE), "with_few": group == partner})
    return shown


def counts_of(codes: Indices, outcomes: Outcomes, groups: int) -> tuple[list[int], list[int]]:
    """Return (cases, bad cases) of each group, for codes (rows,) from 0 to groups - 1."""
    cases = np.bincount(codes, minlength=groups)
    bad = np.bincount(codes, weights=outcomes, minlength=groups)
    return cases.tolist(), bad.astype(np.intp).tolist()


def _pooled(cases: Sequence[int], bad: Sequence[int]) -> tuple[int | None, list[int], list[int]]:
    few = [group for group, count in enumerate(cases) if 0 < count < LEAST_CELL]
    large = [(count, group) for group, count in enumerate(cases) if count >= LEAST_CELL]
    pooled_cases, pooled_bad = list(cases), list(bad)
    if not few or not large:
        return None, pooled_cases, pooled_bad
    partner = min(large)[1]
    for group in few:
        pooled_cases[partner] += cases[group]
        pooled_bad[partner] += bad[group]
    return partner, pooled_cases, pooled_bad
