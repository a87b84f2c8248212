"""How good probabilities are, on rows whose outcome is known."""

from __future__ import annotations

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS, Costs, Decision, Policy
from training.data import Outcomes

ECE_BINS = 10


def metrics(outcomes: Outcomes, probabilities: FloatArray, policy: Policy, costs: Costs) -> dict[str, float]:
    """Return ranking, calibration and decision figures for `outcomes` (rows,), 1 = bad, and P(bad) (rows,).

    `decline` counts as the positive answer for accuracy, precision, recall and f1; `cost_per_case` is what the
    policy's decisions would have cost, a review included.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    declined = policy.decide_all(probabilities) == DECISIONS.index(Decision.DECLINE)
    caught = float((declined & (outcomes == 1)).sum())
    precision = caught / declined.sum() if declined.any() else 0.0
    recall = caught / outcomes.sum()
    auc = float(roc_auc_score(outcomes, probabilities))
    return {
        "rows": float(len(outcomes)),
        "bad_rate": float(outcomes.mean()),
        "roc_auc": auc,
        "gini": 2 * auc - 1,
        "pr_auc": float(average_precision_score(outcomes, probabilities)),
        "ks": kolmogorov_smirnov(outcomes, probabilities),
        "brier": float(brier_score_loss(outcomes, probabilities)),
        "log_loss": float(log_loss(outcomes, np.clip(probabilities, 1e-15, 1 - 1e-15))),
        "ece": expected_calibration_error(outcomes, probabilities),
        "accuracy": float((declined == (outcomes == 1)).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "cost_per_case": float(cost_of_decisions(outcomes, probabilities, policy, costs).mean()),
    }


def log_losses(outcomes: Outcomes, probabilities: FloatArray) -> FloatArray:
    """Return the log loss of each row (rows,), in nats."""
    p = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return -np.where(outcomes == 1, np.log(p), np.log1p(-p))


def kolmogorov_smirnov(outcomes: Outcomes, probabilities: FloatArray) -> float:
    """Return the largest distance between the score distributions of bad and good."""
    order = np.argsort(probabilities, kind="stable")
    bad = np.cumsum(outcomes[order]) / outcomes.sum()
    good = np.cumsum(1 - outcomes[order]) / (len(outcomes) - outcomes.sum())
    last_of_value = np.append(np.diff(probabilities[order]) > 0, True)
    return float(np.abs(bad - good)[last_of_value].max())


def expected_calibration_error(outcomes: Outcomes, probabilities: FloatArray) -> float:
    """Return the mean gap between P(bad) and bad rate over ten bins of equal count."""
    order = np.argsort(probabilities, kind="stable")
    gaps = [
        abs(float(probabilities[part].mean() - outcomes[part].mean())) * len(part)
        for part in np.array_split(order, ECE_BINS)
        if len(part)
    ]
    return sum(gaps) / len(outcomes)


def cost_of_decisions(
    outcomes: Outcomes, probabilities: FloatArray, policy: Policy, costs: Costs
) -> FloatArray:
    """Return the cost of each row's decision (rows,), in the use case's currency."""
    decisions = policy.decide_all(probabilities)
    table = np.array([[0.0, costs.false_approve], [costs.review or 0.0] * 2, [costs.false_decline, 0.0]])
    return table[decisions, outcomes]
