"""Weight of evidence and information value: how much a column's bins say about the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.profile import smoothed_shares

# From these values on (Siddiqi, 2006): a rule of thumb, blind to the number of cases; `chance` is not.
BANDS = ((0.5, "very strong"), (0.3, "strong"), (0.1, "medium"), (0.02, "weak"), (0.0, "none"))


def weights_of_evidence(cases: Sequence[int], bad: Sequence[int]) -> FloatArray:
    """Return ln(share of the bad / share of the good) per bin (bins,): above 0 is riskier than the whole."""
    of_bad, of_good = _shares(cases, bad)
    return np.log(of_bad / of_good)


def information_value(cases: Sequence[int], bad: Sequence[int]) -> dict[str, Any]:
    """Return `value`, the sum of (share of bad - share of good) x weight of evidence, its `band` and `chance`.

    `chance` is what a column that says nothing stays below 99 times in 100: its value is about
    chi-squared(bins - 1) x (1 / bad + 1 / good) (Yurdakul and Naranjo, 2020).
    """
    used = [(n, b) for n, b in zip(cases, bad, strict=True) if n]
    n, b = ([pair[i] for pair in used] for i in (0, 1))
    of_bad, of_good = _shares(n, b)
    value = float(((of_bad - of_good) * np.log(of_bad / of_good)).sum())
    return {
        "value": value,
        "band": band(value),
        "chance": divergence_by_chance(len(n), sum(b), sum(n) - sum(b)),
    }


def band(value: float) -> str:
    """Return the usual name of an information value."""
    return next(name for least, name in BANDS if value >= least or least == 0.0)


def divergence_by_chance(bins: int, first: int, second: int) -> float:
    """Return what PSI or information value of two samples of one distribution stays below 99 times in 100."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.99, bins - 1) * (1 / first + 1 / second)) if bins > 1 else 0.0


def _shares(cases: Sequence[int], bad: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    return smoothed_shares(bad), smoothed_shares([n - b for n, b in zip(cases, bad, strict=True)])
