"""What performance is to be expected before outcomes are known, if the probabilities are right: an estimate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs
from training.performance.figures import Figure, cost_table
from training.ranking import Order, Ranking

LABEL = "estimate: right only as far as the probabilities are, which outcomes alone can show"
_WHOM = "decisions that have not matured, of the kinds that matured figures are of (see population)"
_DRAWS, _MOST_DRAWN, _SEED = 200, 20_000_000, 0


@dataclass(frozen=True)
class Expected:
    """Expected figures of so many decisions; the interval is where nineteen of twenty realised figures would lie."""

    rows: int
    bad_rate: Figure | None
    auc: Figure | None
    brier: Figure | None
    cost_per_case: Figure | None

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON data, labelled as an estimate."""
        return {"label": LABEL, "population": _WHOM, **asdict(self)}


def expected(probabilities: FloatArray, decisions: npt.NDArray[np.int8], costs: Costs) -> Expected:
    """Return what is expected of decisions (rows,) with these P(bad): each is bad with just that probability.

    Give decisions of the kinds that measured figures are of, or the two cannot be compared. Confidence-based
    performance estimation (NannyML, 2021; Bialek et al., 2024) holds under covariate shift, and not where the relation
    of records and outcomes has changed. Intervals come from outcomes drawn again and again.
    """
    rows = len(probabilities)
    if rows < 2:
        return Expected(rows, None, None, None, None)
    order, table = Order(probabilities), cost_table(costs)[decisions]
    rng = np.random.default_rng(_SEED)
    draws = max(20, min(_DRAWS, _MOST_DRAWN // rows))
    drawn = [_realised(order, probabilities, table, rng) for _ in range(draws)]
    p = probabilities
    means = (
        p.mean(),
        expected_auc(p),
        (p * (1 - p)).mean(),
        (table[:, 0] * (1 - p) + table[:, 1] * p).mean(),
    )
    figures = [
        _figure(float(mean), np.array(values))
        for mean, values in zip(means, zip(*drawn, strict=True), strict=True)
    ]
    return Expected(rows, *figures)


def expected_auc(probabilities: FloatArray, weights: FloatArray | float = 1.0) -> float:
    """Return the area under the ROC curve of cases (rows,) that are bad with these chances; NaN if none can be."""
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    each = np.broadcast_to(weights, ordered.shape)[order]
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) > 0])
    bad, good = (np.add.reduceat(each * part, starts) for part in (ordered, 1 - ordered))
    if not (bad.sum() > 0 and good.sum() > 0):
        return float("nan")
    return Ranking(ordered[starts], bad, good).roc_auc


def _realised(
    order: Order, probabilities: FloatArray, table: FloatArray, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    bad = rng.random(len(probabilities)) < probabilities
    both = 0 < bad.sum() < len(bad)
    auc = order.ranking(bad.astype(np.int8), np.ones(len(bad))).roc_auc if both else np.nan
    return (
        float(bad.mean()),
        auc,
        float(((probabilities - bad) ** 2).mean()),
        float(np.where(bad, table[:, 1], table[:, 0]).mean()),
    )


def _figure(mean: float, drawn: FloatArray) -> Figure | None:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(mean) or not len(known):
        return None
    low, high = np.percentile(known, [2.5, 97.5]).tolist()
    return Figure(mean, low, high)
