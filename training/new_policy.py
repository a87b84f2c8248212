"""A new policy for a champion: what is wished of it, how it is reckoned and what it would lead to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.errors import WrongUse
from service.policy_store import PolicyOrigin, save_policy
from service.scoring.errors import BundleInvalid
from service.scoring.policy import Costs, Policy
from training.past_scores import PastScores
from training.policies import least_cost_policy
from training.policy_book import PolicyBook
from training.use_case import PolicyAims
from training.user import user

LEAST_COST, BY_HAND = "least-cost", "by-hand"


@dataclass(frozen=True)
class Wish:
    """What a policy is to be: of least cost under the aims, or with the cut-offs that a person names.

    `costs` price it either way. Without a name it is called `least-cost` or `by-hand`.
    """

    costs: Costs
    aims: PolicyAims
    cut_offs: tuple[float, float] | None = None
    name: str | None = None
    because: str = ""


@dataclass(frozen=True)
class NewPolicy:
    """A policy, where it comes from, and the cases that it was reckoned on."""

    policy: Policy
    origin: PolicyOrigin
    past: PastScores
    priced: Costs

    def to_json(self, in_use: Policy) -> dict[str, Any]:
        """Return the policy, what it leads to, and whom it decides otherwise than the one in use, as JSON data."""
        report = self.past.swap_set(in_use, self.policy, self.priced)
        return {
            "policy": self.policy.version,
            **self.policy.to_json(),
            "costs": self.origin.costs and asdict(self.origin.costs),
            "aims": dict(self.origin.aims),
            "model": self.origin.model,
            "cases": self.past.to_json(),
            "mix": self.past.mix(self.policy),
            "expected_cost": report["after"]["expected_cost"],
            "currency": self.priced.currency,
            "swap_set": report,
        }


def new_policy(book: PolicyBook, past: PastScores, wish: Wish, declared: Costs) -> NewPolicy:
    """Return the policy that is wished, for the champion's scores of past cases; nothing is stored.

    Where the wish has no reviews, their declared cost still prices the policy in use. Raises `WrongUse` for cut-offs
    that are none, for a name that is none, and for an aim that is no share.
    """
    if wish.cut_offs is None:
        name = wish.name or LEAST_COST
        policy = least_cost_policy(past.probabilities, wish.costs, wish.aims, past.weights, name)
    else:
        policy = Policy(wish.name or BY_HAND, *wish.cut_offs)
    try:
        policy = Policy.from_json(policy.to_json())
    except BundleInvalid as error:
        raise WrongUse(str(error)) from None
    costs = wish.costs
    priced = replace(costs, review=declared.review) if costs.review is None else costs
    return NewPolicy(policy, _origin(book, past, wish), past, priced)


def store(book: PolicyBook, made: NewPolicy) -> bool:
    """Store a policy without using it; returns whether it is new. One that is stored keeps its first origin."""
    known = book.holds(made.policy.version)
    save_policy(book.use_case, made.policy, made.origin, book.bentoml_home)
    return not known


def _origin(book: PolicyBook, past: PastScores, wish: Wish) -> PolicyOrigin:
    by_cost = wish.cut_offs is None
    return PolicyOrigin(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by=user(),
        because=wish.because,
        costs=wish.costs if by_cost else None,
        aims=asdict(wish.aims) if by_cost else {},
        model=book.scorer.tag,
        data=past.cases.fingerprint,
    )
