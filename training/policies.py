"""Policies for the cases at hand: the cheapest cut-offs under declared aims, and what a policy leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from service.errors import WrongUse
from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS, Costs, Decision, Policy, policy_from_costs
from training.data import Indices, Outcomes
from training.use_case import PolicyAims

# Shares are sums of floats: what differs by less is the same share.
SAME_SHARE = 1e-12
NO_AIMS = PolicyAims()


def least_cost_policy(
    probabilities: FloatArray,
    costs: Costs,
    aims: PolicyAims = NO_AIMS,
    weights: FloatArray | None = None,
    name: str = "least-cost",
) -> Policy:
    """Return the policy of least expected cost over these cases among all that keep to the aims.

    `probabilities` (rows,) are calibrated, `weights` (rows,) how many cases each row stands for. At most the share
    `review_capacity` is referred; the approved share is as near to `approval_rate` as equal probabilities allow.
    Where the aims ask for nothing else, the cut-offs are those of `policy_from_costs`, elsewhere they lie half-way
    between neighbouring probabilities. Takes O(n log n). Raises `WrongUse` for an aim outside 0 to 1.
    """
    _check_aims(aims)
    levels = _levels(probabilities, weights)
    if aims.review_capacity == 0:
        costs = replace(costs, review=None)
    free = replace(policy_from_costs(costs), name=name)
    bounds = _bounds(levels, aims, may_refer=costs.review is not None)
    if bounds.allow(levels.position(free.refer_from), levels.position(free.decline_from)):
        return free
    refer_at, decline_at = _cheapest(levels, costs, bounds)
    if refer_at == decline_at:
        cut_off = levels.cut_off(refer_at, costs.false_decline / (costs.false_decline + costs.false_approve))
        return Policy(name, cut_off, cut_off)
    review = costs.review or 0.0
    return Policy(
        name,
        levels.cut_off(refer_at, review / costs.false_approve),
        levels.cut_off(decline_at, 1 - review / costs.false_decline),
    )


def expected_cost(
    probabilities: FloatArray, policy: Policy, costs: Costs, weights: FloatArray | None = None
) -> float:
    """Return the expected cost per case, in the currency of the costs, if the probabilities (rows,) are right.

    Raises `ValueError` when cases are referred and the costs name no price of a review: it is not 0.
    """
    decisions = policy.decide_all(probabilities)
    referred = decisions == DECISIONS.index(Decision.REFER)
    if costs.review is None and referred.any():
        raise ValueError(
            f"{policy.version} refers {referred.sum()} cases, and review=None states no cost of one"
        )
    by_decision = [
        probabilities * costs.false_approve,
        np.full(len(probabilities), costs.review or 0.0),
        (1 - probabilities) * costs.false_decline,
    ]
    return float(np.average(np.choose(decisions, by_decision), weights=weights))


def expected_mix(
    probabilities: FloatArray, policy: Policy, weights: FloatArray | None = None
) -> dict[str, float]:
    """Return the share of each decision, by its name."""
    decisions = policy.decide_all(probabilities)
    return {
        str(decision): float(np.average(decisions == code, weights=weights))
        for code, decision in enumerate(DECISIONS)
    }


def population_weights(outcomes: Outcomes, bad_rate: float | None) -> FloatArray | None:
    """Return weights (rows,) under which the bad rate is the population's; None, all equal, where it is not stated.

    Cases drawn by outcome say nothing of how many will be approved or referred until they are weighted back.
    """
    if bad_rate is None:
        return None
    sampled = float(outcomes.mean())
    return np.where(outcomes == 1, bad_rate / sampled, (1 - bad_rate) / (1 - sampled))


@dataclass(frozen=True)
class _Levels:
    """The distinct probabilities, ascending, and the weight of each.

    A cut-off is known by its position: how many levels lie below it. `shares` (positions,) is the share of the
    cases below each. A level of 1.0 is never below a cut-off, so that no position stands behind it.
    """

    probabilities: FloatArray
    weights: FloatArray
    shares: FloatArray

    def position(self, cut_off: float) -> int:
        return int(np.searchsorted(self.probabilities, cut_off, side="left"))

    def cut_off(self, position: int, wanted: float) -> float:
        """Return the wanted cut-off if it stands at this position, otherwise the middle of the gap or an end."""
        if self.position(wanted) == position:
            return wanted
        if position in (0, len(self.probabilities)):
            return 0.0 if position == 0 else 1.0
        below, above = float(self.probabilities[position - 1]), float(self.probabilities[position])
        middle = below + (above - below) / 2
        # Between two neighbouring floats there is none.
        return middle if middle > below else above


@dataclass(frozen=True)
class _Bounds:
    """What the aims allow: the range of the first position, and for each second one the least first (positions,)."""

    lowest: int
    highest: int
    first: Indices

    def allow(self, refer_at: int, decline_at: int) -> bool:
        return self.lowest <= refer_at <= self.highest and bool(self.first[decline_at] <= refer_at)


def _check_aims(aims: PolicyAims) -> None:
    """Raise `WrongUse` for an aim that is no share."""
    for field in ("review_capacity", "approval_rate"):
        share = getattr(aims, field)
        if share is not None and not 0 <= share <= 1:
            raise WrongUse(f"{field}={share} is not a share; it must be from 0 to 1, or left open")


def _levels(probabilities: FloatArray, weights: FloatArray | None) -> _Levels:
    weights = np.ones(len(probabilities)) if weights is None else weights
    if (
        probabilities.shape != weights.shape
        or not (probabilities >= 0).all()
        or not (probabilities <= 1).all()
    ):
        raise ValueError("a policy needs one probability from 0 to 1, and one weight, for every case")
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError("a policy needs weights of at least 0, and a case of more than 0")
    distinct, level = np.unique(probabilities[weights > 0], return_inverse=True)
    mass = np.bincount(level, weights=weights[weights > 0]).astype(np.float64)
    # Sums from left to right: the same bits on every machine.
    below = np.concatenate([[0.0], np.cumsum(mass)])
    return _Levels(distinct, mass, (below / below[-1])[: len(distinct) + (distinct[-1] < 1.0)])


def _bounds(levels: _Levels, aims: PolicyAims, *, may_refer: bool) -> _Bounds:
    shares = levels.shares
    positions = np.arange(len(shares))
    first, allowed = positions, positions
    if may_refer:
        capacity = 1.0 if aims.review_capacity is None else aims.review_capacity
        first = np.searchsorted(shares, shares - capacity - SAME_SHARE, side="left")
    if aims.approval_rate is not None:
        distances = np.abs(shares - aims.approval_rate)
        # Neighbours: two when the wish lies half-way between them.
        allowed = np.flatnonzero(distances <= distances.min() + SAME_SHARE)
    return _Bounds(int(allowed[0]), int(allowed[-1]), first)


def _cheapest(levels: _Levels, costs: Costs, bounds: _Bounds) -> tuple[int, int]:
    """Return the two positions of least expected cost.

    The cost is a part that depends on the first position, plus one that depends on the second. The first part
    grows by weight * (p * false_approve - review) from level to level: as p ascends it falls, then rises. So the
    cheapest first position within any range is the cheapest of all, moved into the range.
    """
    review, p, weights = costs.review or 0.0, levels.probabilities, levels.weights
    positions = np.arange(len(levels.shares))
    approving = np.concatenate([[0.0], np.cumsum(weights * (p * costs.false_approve - review))])
    declining = np.concatenate([[0.0], np.cumsum(weights * (review - (1 - p) * costs.false_decline))])
    low = np.maximum(bounds.first, bounds.lowest)
    high = np.minimum(positions, bounds.highest)
    refer_at = np.clip(int(np.argmin(approving)), low, high)
    cost = np.where(low <= high, approving[refer_at] + declining[positions], np.inf)
    decline_at = int(np.argmin(cost))
    return int(refer_at[decline_at]), decline_at
