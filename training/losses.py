"""What each row costs: its probability measured by the log loss, its decision in money."""

from __future__ import annotations

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs, Policy
from training.data import Outcomes

Z_95 = 1.959963984540054


def log_losses(outcomes: Outcomes, probabilities: FloatArray) -> FloatArray:
    """Return the log loss of each row (rows,), in nats."""
    p = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return -np.where(outcomes == 1, np.log(p), np.log1p(-p))


def cost_of_decisions(
    outcomes: Outcomes, probabilities: FloatArray, policy: Policy, costs: Costs
) -> FloatArray:
    """Return the cost of each row's decision (rows,), in the use case's currency."""
    decisions = policy.decide_all(probabilities)
    table = np.array([[0.0, costs.false_approve], [costs.review or 0.0] * 2, [costs.false_decline, 0.0]])
    return table[decisions, outcomes]


def mean_with_interval(values: FloatArray) -> tuple[float, tuple[float, float]]:
    """Return the mean of independent values (rows,) and its 95 % interval."""
    mean = float(values.mean())
    half = Z_95 * float(values.std()) / float(np.sqrt(len(values)))
    return mean, (mean - half, mean + half)
