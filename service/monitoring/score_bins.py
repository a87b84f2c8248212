"""Bins of P(bad), equally wide in log-odds: fine where probabilities are small, as those of fraud are.

The twenty bins of a profile are equally wide in probability, and nearly all of a rare outcome lies in the first.
"""

from __future__ import annotations

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds, logistic

LOG_ODDS = np.arange(-9.0, 4.01, 0.25)
BINS = len(LOG_ODDS) + 1
# Behind them, what has no probability that is known: of a batch run whose file is not at hand.
UNKNOWN = BINS


def bins_of(probabilities: FloatArray) -> FloatArray:
    """Return the bins (rows,) of probabilities (rows,); NaN is in `UNKNOWN`."""
    found = np.searchsorted(LOG_ODDS, log_odds(probabilities), side="right")
    return np.where(np.isnan(probabilities), UNKNOWN, found)


def borders() -> list[float]:
    """Return the probabilities (BINS + 1,) that the bins lie between, from 0 to 1."""
    return [0.0, *logistic(LOG_ODDS).tolist(), 1.0]
