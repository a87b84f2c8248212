"""How well one column by itself tells the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.data import Indices, Outcomes

BINS = 50
# A bin's bad rate counts as if it held so many more cases of the overall rate.
PRIOR_CASES = 5.0


class Parted(Protocol):
    """Rows to learn from and rows to judge."""

    @property
    def fit(self) -> Indices:
        """Row numbers to learn from."""

    @property
    def score(self) -> Indices:
        """Row numbers to judge."""


def alone(values: FloatArray, levels: int, outcomes: Outcomes, folds: Sequence[Parted]) -> float | None:
    """Return the cross-validated ROC AUC of one column, from 0 to 1; None where no fold can judge it.

    values: (rows,), NaN for a null, positions of levels where `levels` is not 0. Each fold learns the bad rate of
    fifty bins of equal count, or of each level, and of nulls; a number is tried by its mere order too, which needs
    fewer rows. The better of the two counts.
    """
    from sklearn.metrics import roc_auc_score

    found = []
    for fold in folds:
        truth = outcomes[fold.score]
        if 0 < truth.sum() < len(truth):
            learnt = (values[fold.fit], outcomes[fold.fit])
            scores = [_rates(*learnt, values[fold.score], levels)]
            scores += [] if levels else [_ordered(*learnt, values[fold.score])]
            found.append([float(roc_auc_score(truth, score)) for score in scores])
    return float(np.mean(found, axis=0).max()) if found else None


def _rates(values: FloatArray, outcomes: Outcomes, judged: FloatArray, levels: int) -> FloatArray:
    present = values[~np.isnan(values)]
    borders = np.arange(levels - 1) + 0.5 if levels else np.unique(_quantiles(present))
    codes, at = (np.searchsorted(borders, x, side="left") for x in (values, judged))
    # Nulls are a bin of their own, after the last.
    codes[np.isnan(values)] = at[np.isnan(judged)] = len(borders) + 1
    cases, bad = (np.bincount(codes, weights=w, minlength=len(borders) + 2) for w in (None, outcomes))
    rate: FloatArray = (bad + PRIOR_CASES * outcomes.mean()) / (cases + PRIOR_CASES)
    return rate[at]


def _quantiles(present: FloatArray) -> FloatArray:
    return np.quantile(present, np.arange(1, BINS) / BINS) if len(present) else np.empty(0)


def _ordered(values: FloatArray, outcomes: Outcomes, judged: FloatArray) -> FloatArray:
    """Return the judged values (rows,), turned so that more means bad, nulls on the side that they belong to."""
    from scipy.stats import rankdata

    missing = np.isnan(values)
    ranks = rankdata(values[~missing])
    bad = outcomes[~missing] == 1
    rises = not bad.any() or bad.all() or ranks[bad].mean() >= ranks[~bad].mean()
    null_is_bad = missing.any() and outcomes[missing].mean() >= outcomes.mean()
    turned: FloatArray = judged if rises else -judged
    # Beyond every float that a contract lets through.
    return np.where(np.isnan(judged), 1e308 if null_is_bad else -1e308, turned)
