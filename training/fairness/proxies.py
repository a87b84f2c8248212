"""Proxies: how well the model's inputs give away what it must not be told."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from training.data import Cases, Indices
from training.fairness.groups import UNKNOWN, protected_groups
from training.fairness.intervals import auc_interval
from training.fairness.report import LEAST_ROWS

MOST_ROWS = 10_000
FOLDS = 3
BINS = 20
SHOWN = 3
Labels = npt.NDArray[np.intp]


def proxy_report(cases: Cases, seed: int) -> dict[str, Any]:
    """Return how well the inputs predict each protected attribute, and which of them carry most of it, as JSON data.

    An AUC is one group against the others, scored by fits that did not see the row; that of an attribute is the
    mean over its groups, weighted by their rows. 0.5 says nothing. At most 10,000 rows are used.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(cases.rows)[:MOST_ROWS])
    found = {
        name: _attribute(cases, rows, np.asarray(labels)[rows], seed)
        for name, labels in protected_groups(cases).items()
    }
    return {"rows": len(rows), "attributes": found}


def _attribute(cases: Cases, rows: Indices, names: npt.NDArray[np.str_], seed: int) -> dict[str, Any]:
    groups, counts = np.unique(names, return_counts=True)
    groups = groups[(counts >= LEAST_ROWS) & (groups != UNKNOWN)]
    if len(groups) < 2:
        return {"roc_auc": None, "groups": [], "strongest": []}
    kept = np.isin(names, groups)
    labels: Labels = np.searchsorted(groups, names[kept]).astype(np.intp)
    matrix, folds = cases.matrix[rows[kept]], _folds(labels, seed)
    aucs = _one_against_the_others(labels, _shares_by_trees(matrix, labels, folds, seed))
    shares = np.bincount(labels) / len(labels)
    alone = [
        float(shares @ _one_against_the_others(labels, _shares_by_bins(matrix[:, i], labels, folds)))
        for i in range(matrix.shape[1])
    ]
    best = sorted(range(len(alone)), key=lambda i: -alone[i])[:SHOWN]
    return {
        "roc_auc": float(shares @ aucs),
        "groups": [
            {"group": str(name), "roc_auc": float(auc), "interval": _interval(float(auc), labels == i)}
            for i, (name, auc) in enumerate(zip(groups, aucs, strict=True))
        ],
        "strongest": [{"input": cases.use_case.contract.inputs[i], "roc_auc": alone[i]} for i in best],
    }


def _folds(labels: Labels, seed: int) -> list[tuple[Indices, Indices]]:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels))


def _shares_by_trees(
    matrix: FloatArray, labels: Labels, folds: list[tuple[Indices, Indices]], seed: int
) -> FloatArray:
    """Return the predicted share of every group (rows, groups)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    shares = np.empty((len(labels), labels.max() + 1))
    # One thread: the same sums in the same order on every machine.
    with threadpool_limits(1):
        for fit, score in folds:
            model = HistGradientBoostingClassifier(
                max_iter=20, max_leaf_nodes=12, learning_rate=0.2, early_stopping=False, random_state=seed
            )
            # The library cannot bin a column without a value; one of zeros tells as little.
            columns = np.where(np.isnan(matrix[fit]).all(axis=0), 0.0, matrix)
            shares[score] = model.fit(columns[fit], labels[fit]).predict_proba(columns[score])
    return shares


def _shares_by_bins(column: FloatArray, labels: Labels, folds: list[tuple[Indices, Indices]]) -> FloatArray:
    """Return the share of every group (rows, groups) among the rows with a like value; nulls are a bin too."""
    known = column[~np.isnan(column)]
    borders = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)
    place = np.where(np.isnan(column), len(borders) + 1, np.searchsorted(borders, column, side="right"))
    groups = int(labels.max()) + 1
    shares = np.empty((len(labels), groups))
    for fit, score in folds:
        cells = place[fit] * groups + labels[fit]
        counts = np.bincount(cells, minlength=(len(borders) + 2) * groups).reshape(-1, groups)
        # One row at the overall shares keeps an empty bin from saying anything.
        prior = np.bincount(labels[fit], minlength=groups) / len(fit)
        shares[score] = ((counts + prior) / (counts.sum(axis=1, keepdims=True) + 1))[place[score]]
    return shares


def _one_against_the_others(labels: Labels, shares: FloatArray) -> FloatArray:
    """Return the AUC of every group (groups,) from the mean rank of its rows (Mann and Whitney, 1947)."""
    from scipy.stats import rankdata

    ranks, counts = rankdata(shares, axis=0), np.bincount(labels)
    own = np.array([ranks[labels == i, i].sum() for i in range(len(counts))])
    aucs: FloatArray = (own - counts * (counts + 1) / 2) / (counts * (len(labels) - counts))
    return aucs


def _interval(auc: float, inside: npt.NDArray[np.bool_]) -> list[float]:
    return list(auc_interval(auc, float(inside.sum()), float((~inside).sum())))
