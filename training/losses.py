"""What each row costs: its probability measured by the log loss, its decision in money."""

from __future__ import annotations

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs, Policy
from training.data import Outcomes


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
