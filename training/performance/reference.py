"""What a model's ranking is held against: its own untouched rows, as far as such cases are told now, and its past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds
from training.performance.area import Area, area, binned_area
from training.performance.figures import LEAST_OF_EACH

_SHOWN = ("roc_auc", "brier", "cost_per_case", "bad_rate")


@dataclass(frozen=True)
class Against:
    """An area of now beside one that it is held against, both measured in the same way."""

    source: str
    now: Area
    before: Area


def promised(evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the bundle's evidence says of untouched rows, as JSON data; None where it says nothing.

    Of a first training these are past cases of every kind; of a retraining, decisions with an outcome. Neither need be
    the population that is judged now.
    """
    procedure = evidence.get("procedure", {})
    metrics, intervals = procedure.get("metrics", {}), procedure.get("intervals", {})
    if not metrics:
        return None
    shown = {name: metrics[name] for name in _SHOWN if name in metrics}
    return {
        "population": procedure.get("population", ""),
        "metrics": shown,
        "intervals": {name: intervals[name] for name in shown if name in intervals},
    }


def against_untouched(
    evidence: Mapping[str, Any], probabilities: FloatArray, bad: FloatArray, weights: FloatArray
) -> Against | None:
    """Return the area of matured decisions (rows,) beside that of the bundle's untouched rows; None without these.

    weights: what each case stands for, 0 where no outcome counts. Who is approved has a narrow range of scores, in
    which nobody ranks well, so each of the evidence's bins of score counts by the share of its present cases that is
    told. Both areas are of these bins, for what ties in one must tie in the other.
    """
    found = evidence.get("procedure", {}).get("curves", {}).get("score_by_class")
    if not found:
        return None
    bins = len(found["good"])
    index = np.searchsorted(found["borders"], probabilities, side="right")
    told = np.bincount(index, weights=weights, minlength=bins)
    share = np.minimum(told / np.maximum(np.bincount(index, minlength=bins), 1), 1.0)
    good, bads = (share * np.array(found[name], np.float64) for name in ("good", "bad"))
    if min(good.sum(), bads.sum()) < LEAST_OF_EACH:
        return None
    counts = weights > 0
    now = area(index[counts].astype(np.float64), bad[counts], weights[counts])
    return Against(
        "untouched rows of the model's training, as far as such scores are told now",
        now,
        binned_area(good, bads),
    )


def usual_log_odds(evidence: Mapping[str, Any], probabilities: FloatArray) -> float:
    """Return the log-odds of the bad rate in the evidence, else of the mean of probabilities (rows,)."""
    rate = evidence.get("procedure", {}).get("metrics", {}).get("bad_rate")
    if rate is None:
        rate = float(probabilities.mean()) if len(probabilities) else 0.5
    return float(log_odds(float(rate)))
