"""The points of the curves that a model card draws: few enough to keep, many enough to see."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds, logistic
from service.scoring.policy import DECISIONS, Costs, Policy
from training.data import Indices, Outcomes
from training.intervals import wilson
from training.ranking import Order

POINTS = 101
BINS = 10
CLASS_BINS = 20


def curves(
    outcomes: Outcomes, probabilities: FloatArray, policy: Policy, costs: Costs, weights: FloatArray
) -> dict[str, Any]:
    """Return the curves as JSON data, for outcomes (rows,), 1 = bad, P(bad) (rows,) and weights (rows,)."""
    ranking = Order(probabilities).ranking(outcomes, weights)
    bad, good = ranking.shares
    kept = _along(bad, good)
    distance, at = ranking.ks
    return {
        "roc": _points(*ranking.roc()),
        "pr": _points(*ranking.precision_recall()),
        "ks": {
            "probability": ranking.scores[kept].tolist(),
            "bad": bad[kept].tolist(),
            "good": good[kept].tolist(),
            "at": at,
            "distance": distance,
        },
        "reliability": reliability(outcomes, probabilities, weights),
        "score_by_class": _by_class(outcomes, probabilities),
        "cost_by_cut_off": cost_by_cut_off(outcomes, probabilities, costs, weights),
        "decisions": _decisions(outcomes, probabilities, policy),
    }


def reliability(outcomes: Outcomes, probabilities: FloatArray, weights: FloatArray) -> list[dict[str, Any]]:
    """Return ten bins of equal count: mean P(bad), bad rate with its 95 % Wilson interval, and rows."""
    order = np.argsort(probabilities, kind="stable")
    found = []
    for part in np.array_split(order, min(BINS, len(order))):
        w = weights[part]
        rate = float((w * outcomes[part]).sum() / w.sum())
        low, high = wilson(rate, float(w.sum() ** 2 / (w**2).sum()))
        mean = float((w * probabilities[part]).sum() / w.sum())
        found.append(
            {"mean_probability": mean, "bad_rate": rate, "low": low, "high": high, "rows": len(part)}
        )
    return found


def cost_by_cut_off(
    outcomes: Outcomes, probabilities: FloatArray, costs: Costs, weights: FloatArray
) -> list[list[float]]:
    """Return [cut-off, cost per case] for declining from the cut-off on, with no review, from 0 to 1."""
    ranking = Order(probabilities).ranking(outcomes, weights)
    bad, good = np.r_[0.0, np.cumsum(ranking.bad)], np.r_[0.0, np.cumsum(ranking.good)]
    cost = (bad * costs.false_approve + (good[-1] - good) * costs.false_decline) / (bad[-1] + good[-1])
    cut_offs = np.r_[ranking.scores, 1.0]
    kept = np.unique(np.r_[_along(bad / bad[-1], good / good[-1]), int(np.argmin(cost)), len(cost) - 1])
    return [[float(cut_offs[i]), float(cost[i])] for i in kept]


def _by_class(outcomes: Outcomes, probabilities: FloatArray) -> dict[str, Any]:
    # Rare outcomes crowd at 0: borders at equal steps of log-odds, from the scores' own range, show them.
    low, high = np.quantile(probabilities, [0.001, 0.999])
    steps = np.linspace(log_odds(float(low)), log_odds(float(high)), CLASS_BINS + 1)
    borders = logistic(steps)[1:-1]
    index = np.searchsorted(borders, probabilities, side="right")
    good, bad = (np.bincount(index[outcomes == kind], minlength=len(borders) + 1) for kind in (0, 1))
    return {"borders": borders.tolist(), "good": good.tolist(), "bad": bad.tolist()}


def _decisions(outcomes: Outcomes, probabilities: FloatArray, policy: Policy) -> dict[str, dict[str, int]]:
    codes = policy.decide_all(probabilities)
    return {
        str(decision): {
            kind: int(((codes == code) & (outcomes == value)).sum())
            for kind, value in (("good", 0), ("bad", 1))
        }
        for code, decision in enumerate(DECISIONS)
    }


def _points(x: FloatArray, y: FloatArray) -> list[list[float]]:
    return [[float(x[i]), float(y[i])] for i in _along(x, y)]


def _along(*values: FloatArray) -> Indices:
    """Return positions at even steps along a curve of these coordinates, each within 0 to 1; the ends are among them.

    Not at even steps of rank: a rare outcome's curve bends within the last few scores.
    """
    steps = sum(np.abs(np.diff(value)) for value in values)
    length = np.r_[0.0, np.cumsum(steps)]
    kept = np.searchsorted(length, np.linspace(0, length[-1], POINTS), side="left")
    return np.unique(np.minimum(np.r_[kept, len(length) - 1], len(length) - 1))
