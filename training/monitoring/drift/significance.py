"""How likely chance alone would part two samples so far: p-values, each for one kind of figure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray

Counts = npt.NDArray[np.int64]
# Bins of which so few cases are expected are counted together: chi-square's far tail does not hold for them.
FEWEST_EXPECTED = 10.0


def of_counts(reference: Counts, counts: Counts) -> float | None:
    """Return Pearson's p-value that two samples, counted in the same bins (bins,), are of one distribution.

    None where there is nothing to compare: too few cases, or all of them in one bin.
    """
    from scipy.stats import chi2

    table = _pooled(np.stack([reference, counts]).astype(np.float64))
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return None
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chi2.sf(statistic, table.shape[1] - 1))


def of_values(reference: FloatArray, values: FloatArray) -> float | None:
    """Return the p-value of Kolmogorov and Smirnov's two-sample test; None for an empty sample.

    Both are sorted here. The limiting distribution, which ties only make more careful.
    """
    from scipy.special import kolmogorov

    n, m = len(reference), len(values)
    if not (n and m):
        return None
    before, after = np.sort(reference), np.sort(values)
    # Both distributions are steps: the largest difference is at a value of one of them.
    distance = max(
        float(np.abs(_shares_up_to(before, place) - _shares_up_to(after, place)).max())
        for place in (before, after)
    )
    return float(kolmogorov(distance * sqrt(n * m / (n + m))))


def of_means(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """Return the two-sided p-value that two means, each with its variance, are of one value; None without variance."""
    from scipy.stats import norm

    spread = before[1] + after[1]
    return float(2 * norm.sf(abs(after[0] - before[0]) / sqrt(spread))) if spread > 0 else None


def of_shares(reference: tuple[int, int], found: tuple[int, int]) -> float | None:
    """Return Fisher's one-sided p-value that a share, (cases, of so many), is not higher than in the reference."""
    from scipy.stats import hypergeom

    (before, of_before), (after, of_after) = reference, found
    if not (of_before and of_after):
        return None
    return float(hypergeom.sf(after - 1, of_before + of_after, before + after, of_after))


def together(values: Sequence[float | None]) -> float | None:
    """Return one p-value for several that ask the same, after Bonferroni; None counts for nothing."""
    known = [value for value in values if value is not None]
    return min(1.0, len(known) * min(known)) if known else None


def discoveries(values: Sequence[float | None]) -> list[float | None]:
    """Return each p-value's q, the share of false ones among all up to it (Benjamini and Hochberg, 1995)."""
    from scipy.stats import false_discovery_control

    known = [value for value in values if value is not None]
    adjusted = iter(false_discovery_control(known).tolist() if known else [])
    return [None if value is None else next(adjusted) for value in values]


def _shares_up_to(ordered: FloatArray, places: FloatArray) -> FloatArray:
    shares: FloatArray = np.searchsorted(ordered, places, side="right") / len(ordered)
    return shares


def _pooled(table: FloatArray) -> FloatArray:
    """Return a table (2, bins) in which at least some cases are expected in every cell, its rarest bins as one."""
    expected = table.sum(axis=0) * table.sum(axis=1).min() / max(table.sum(), 1.0)
    order = np.argsort(expected, kind="stable")
    table, sums = table[:, order], np.cumsum(expected[order])
    small = int((expected < FEWEST_EXPECTED).sum())
    while 0 < small < len(sums) and sums[small - 1] < FEWEST_EXPECTED:
        small += 1
    rare = table[:, :small].sum(axis=1, keepdims=True)
    return np.concatenate([rare, table[:, small:]], axis=1) if small else table
