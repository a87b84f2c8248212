"""Two tests of the whole: Spiegelhalter's and Hosmer and Lemeshow's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from training.calibration_report.judged import Judged

# Of an expected number of bad cases: what varies less is certain, and one surprise would be infinitely surprising.
LEAST_VARIANCE = 1e-9
NOTE = (
    "With many rows this test rejects every model, however small and harmless its errors: read it beside the sizes "
    "of the errors. The degrees of freedom are the groups, for these rows took no part in the fit."
)


def spiegelhalter(judged: Judged) -> dict[str, Any]:
    """Return z and its two-sided p: whether the Brier score is what the probabilities promise (Spiegelhalter, 1986)."""
    from scipy.special import ndtr

    p = judged.probabilities
    variance = float(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    if judged.shift is None:
        return {"z": None, "p": None, "reason": judged.one_outcome}
    if variance < LEAST_VARIANCE:
        return {"z": None, "p": None, "reason": "every probability is next to 0, 1/2 or 1"}
    z = float(((judged.outcomes - p) * (1 - 2 * p)).sum()) / math.sqrt(variance)
    return {"z": z, "p": float(2 * ndtr(-abs(z))), "reason": None}


def hosmer_lemeshow(judged: Judged) -> dict[str, Any]:
    """Return chi2 over ten groups of equal count, its degrees of freedom and p (Hosmer and Lemeshow, 1980)."""
    from scipy.special import chdtrc

    starts, _ = judged.bands()
    rows = np.diff(np.append(starts, judged.rows))
    expected = np.add.reduceat(judged.probabilities, starts)
    variance = expected * (1 - expected / rows)
    nothing = {"chi2": None, "df": None, "p": None, "note": NOTE}
    if judged.shift is None:
        return {**nothing, "reason": judged.one_outcome}
    if variance.min() < LEAST_VARIANCE:
        return {**nothing, "reason": "a group's probabilities are all next to 0 or 1"}
    bad = np.add.reduceat(judged.outcomes, starts, dtype=np.float64)
    chi2 = float(((bad - expected) ** 2 / variance).sum())
    p = float(chdtrc(len(starts), chi2))
    return {"chi2": chi2, "df": len(starts), "p": p, "note": NOTE, "reason": None}
