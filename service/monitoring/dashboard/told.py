"""What became of decisions: by the week they were made in, and by what was expected of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from service.monitoring.cells import MICROSECONDS_A_DAY, Cells, Of
from service.monitoring.dashboard.by_day import of
from service.monitoring.dashboard.period import monday_of, name_of
from service.monitoring.dashboard.stability import share
from service.monitoring.score_bins import UNKNOWN, borders
from service.scoring.arithmetic import FloatArray

# Of fewer no figure means anything.
LEAST_TOLD = 30
GROUPS = 10
# Of the normal distribution, for intervals of 95 %.
_Z = 1.959964
_NAMES = ("told", "bad", "sum", "square", "brier")


class Told:
    """Sums over outcomes, each by bin of P(bad) (BINS + 1,): see `outcomes.count_outcomes`."""

    def __init__(self, counts: Iterable[Any] = ()) -> None:
        self.sums = {name: np.zeros(UNKNOWN + 1) for name in _NAMES}
        for one in counts:
            self.add(one)

    def add(self, counts: Any) -> None:
        """Add the counts of a cell."""
        for name in _NAMES:
            self.sums[name] = self.sums[name] + counts[name]

    def of(self, name: str) -> FloatArray:
        """Return one of the sums by bin, of those whose probability is known."""
        return self.sums[name][:UNKNOWN]

    @property
    def told(self) -> int:
        """How many outcomes there are."""
        return int(self.sums["told"].sum())

    @property
    def bad(self) -> int:
        """How many of them are bad."""
        return int(self.sums["bad"].sum())

    @property
    def expected_bad(self) -> float:
        """How many were expected to be bad, by the probabilities; those without one are taken to be as the others."""
        known = self.of("told").sum()
        return float(self.of("sum").sum() * self.told / known) if known else 0.0

    @property
    def brier(self) -> float | None:
        """The mean squared difference of probability and outcome, None of too few."""
        known = self.of("told").sum()
        return share(self.of("brier").sum(), known) if known >= LEAST_TOLD else None

    @property
    def auc(self) -> float | None:
        """The area under the ROC curve, None of too few; within a bin of P(bad) all count as ties."""
        bad = self.of("bad")
        good = self.of("told") - bad
        if min(bad.sum(), good.sum()) < LEAST_TOLD:
            return None
        below = np.cumsum(good) - good
        return float((bad * (below + good / 2)).sum() / (bad.sum() * good.sum()))


def outcomes(cells: Cells, days: Sequence[int], maturity_days: int | None, now: int) -> dict[str, Any]:
    """Return cohorts by the week of the decision, and how reliable the probabilities were.

    What happened is told of matured decisions alone: bad outcomes become known before good ones. maturity_days: None
    where it is not known, so that nothing has matured. now: microseconds since 1970, UTC.
    """
    young = {day for day in days if not _has_matured(day, maturity_days, now)}
    by_week: dict[int, Told] = defaultdict(Told)
    decided: dict[int, int] = {monday_of(day): 0 for day in days}
    for cell, counts in of(cells, Of.OUTCOMES):
        by_week[monday_of(cell.day)].add(counts)
    for cell, counts in of(cells, Of.DECISIONS):
        decided[monday_of(cell.day)] += int(counts["decisions"].sum()) if "decisions" in counts else 0
    matured = Told(counts for cell, counts in of(cells, Of.OUTCOMES) if cell.day not in young)
    weeks = {monday_of(day) for day in young}
    return {
        "maturity_days": maturity_days,
        "cohorts": [
            _cohort(week, number, by_week[week], matured=week not in weeks)
            for week, number in decided.items()
            if number
        ],
        "reliability": _reliability(matured),
    }


def _has_matured(day: int, maturity_days: int | None, now: int) -> bool:
    """Return whether the outcomes of all of a day's decisions are due."""
    return maturity_days is not None and (day + 1 + maturity_days) * MICROSECONDS_A_DAY <= now


def _cohort(week: int, decisions: int, told: Told, *, matured: bool) -> dict[str, Any]:
    figures = {"bad": told.bad, "expected_bad": told.expected_bad, "brier": told.brier, "auc": told.auc}
    return {
        "week": name_of(week),
        "decisions": decisions,
        "told": told.told,
        "matured": matured,
        **(figures if matured else dict.fromkeys(figures)),
    }


def _reliability(told: Told) -> list[dict[str, Any]]:
    """Return groups of neighbouring bins, about equally large, with what was expected of them and what happened."""
    counts, edges = told.of("told"), borders()
    least = max(counts.sum() / GROUPS, LEAST_TOLD)
    groups, start = [], 0
    for end in range(1, len(counts) + 1):
        rest = counts[end:].sum()
        if end == len(counts) or min(counts[start:end].sum(), rest) >= least:
            groups.append((start, end))
            start = end
    return [_group(told, edges, *group) for group in groups if counts[slice(*group)].sum() >= LEAST_TOLD]


def _group(told: Told, edges: Sequence[float], start: int, end: int) -> dict[str, Any]:
    n, bad, total = (float(told.of(name)[start:end].sum()) for name in ("told", "bad", "sum"))
    low, high = _wilson(bad, n)
    return {
        "from": edges[start],
        "to": edges[end],
        "n": int(n),
        "mean_probability": total / n,
        "bad_rate": bad / n,
        "low": low,
        "high": high,
    }


def _wilson(bad: float, n: float) -> tuple[float, float]:
    """Return the interval of 95 % of a share (Wilson, 1927)."""
    rate, z2 = bad / n, _Z**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
