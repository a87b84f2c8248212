"""Joint drift: can a classifier tell new records from those of the reference? It sees what no single column shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.intervals import Z_95, Interval
from training.monitoring.drift.judging import APART, Status

# Of either kind: more would only take longer.
MOST_ROWS = 10_000
FEWEST_ROWS = 100


@dataclass(frozen=True, slots=True)
class DomainDrift:
    """How well new records can be told from old ones: ROC AUC on rows that the classifier did not learn from.

    Half is a coin. interval: 95 %. p: that they cannot be told apart. why: where there is no figure.
    """

    auc: float | None
    interval: Interval | None
    p: float | None
    status: Status
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            **asdict(self),
            "interval": None if self.interval is None else list(self.interval),
            "status": str(self.status),
        }


def domain_drift(
    reference: FloatArray | None, matrix: FloatArray, level: float, seed: int = 0
) -> DomainDrift:
    """Return how well a classifier parts two matrices (rows, inputs), NaN = null, of the same inputs.

    Half of the rows are learnt from (gradient boosting), and the other half judges: to these the classifier is any
    fixed score, and Mann and Whitney's variance of its AUC holds. Sides are cut to the same few thousand rows, drawn
    with `seed`.
    """
    from scipy.stats import norm

    if reference is None:
        return DomainDrift(
            None, None, None, Status.FEW, "the profile of a bundle holds no records to compare with"
        )
    if min(len(reference), len(matrix)) < FEWEST_ROWS:
        why = f"there are {min(len(reference), len(matrix))} records, and {FEWEST_ROWS} are needed"
        return DomainDrift(None, None, None, Status.FEW, why)
    random = np.random.default_rng(seed)
    old, new = (_drawn(random, item) for item in (reference, matrix))
    learnt = np.concatenate([old[::2], new[::2]])
    scores = _scores(learnt, _labels(old[::2], new[::2]), (old[1::2], new[1::2]), seed)
    auc, spread = _auc(*scores)
    chance = sqrt((len(scores[0]) + len(scores[1]) + 1) / (12 * len(scores[0]) * len(scores[1])))
    p = float(norm.sf((auc - 0.5) / chance))
    interval = max(0.0, auc - Z_95 * spread), min(1.0, auc + Z_95 * spread)
    return DomainDrift(auc, interval, p, APART.judge(auc, p, level))


def _drawn(random: np.random.Generator, matrix: FloatArray) -> FloatArray:
    """Return at most so many rows of a matrix, in random order."""
    rows = random.choice(len(matrix), min(len(matrix), MOST_ROWS), replace=False)
    return matrix[rows]


def _scores(
    learnt: FloatArray, labels: FloatArray, judged: Sequence[FloatArray], seed: int
) -> tuple[FloatArray, ...]:
    """Return how new each judged matrix's records (rows,) look to a classifier of the learnt ones."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    # The library cannot bin a column without a value.
    there = ~np.isnan(learnt).all(axis=0)
    model = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=15, early_stopping=False, class_weight="balanced", random_state=seed
    )
    # One thread: it adds up gradients over threads in whatever order they finish.
    with threadpool_limits(1):
        model.fit(learnt[:, there], labels)
        return tuple(model.predict_proba(item[:, there])[:, 1] for item in judged)


def _labels(old: FloatArray, new: FloatArray) -> FloatArray:
    return np.repeat([0.0, 1.0], [len(old), len(new)])


def _auc(old: FloatArray, new: FloatArray) -> tuple[float, float]:
    """Return how often a new score is above an old one, and its standard error (DeLong and others, 1988)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([old, new]))
    above = (ranks[len(old) :] - rankdata(new)) / len(old)
    below = 1 - (ranks[: len(old)] - rankdata(old)) / len(new)
    return float(above.mean()), sqrt(above.var() / len(new) + below.var() / len(old))
