"""From P(bad) to a decision, by cut-offs that follow from declared costs."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, expect_number


class Decision(StrEnum):
    """What to do with a case."""

    APPROVE = "approve"
    REFER = "refer"
    DECLINE = "decline"


# In order of strictness: the position is the code that tables of decisions hold.
DECISIONS = (Decision.APPROVE, Decision.REFER, Decision.DECLINE)
# A name is a part of file names, of columns of CSV files and of tags.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Costs:
    """What a wrong or postponed decision costs, in the use case's currency; a right one costs nothing."""

    false_approve: float
    false_decline: float
    review: float | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        positive = 0 < self.false_approve < math.inf and 0 < self.false_decline < math.inf
        if not (positive and 0 <= (self.review or 0.0) < math.inf):
            raise ValueError(
                f"{self}: a wrong decision costs more than 0, a review at least 0, both a finite amount"
            )


@dataclass(frozen=True)
class Policy:
    """Cut-offs on P(bad): below `refer_from` approve, from `decline_from` on decline, refer in between.

    A probability equal to a cut-off takes the stricter side. With equal cut-offs nothing is referred.
    """

    name: str
    refer_from: float
    decline_from: float

    def decide(self, probability: float) -> Decision:
        """Return the decision for one probability."""
        if probability < self.refer_from:
            return Decision.APPROVE
        return Decision.REFER if probability < self.decline_from else Decision.DECLINE

    def decide_all(self, probabilities: FloatArray) -> npt.NDArray[np.int8]:
        """Return positions in `DECISIONS` (rows,) for an array of probabilities."""
        # Not `>=`: what is no number must fall on the strict side here too.
        codes = (~(probabilities < self.refer_from)).astype(np.int8)
        codes += ~(probabilities < self.decline_from)
        return codes

    @cached_property
    def version(self) -> str:
        """Name and first 8 hex digits of the SHA-256 of the policy's canonical JSON."""
        return f"{self.name}-{hashlib.sha256(canonical_json(self.to_json())).hexdigest()[:8]}"

    def to_json(self) -> dict[str, Any]:
        """Return the policy as JSON data; equal policies give equal data, a cut-off of 1 is 1.0."""
        return {
            "name": self.name,
            "refer_from": float(self.refer_from),
            "decline_from": float(self.decline_from),
        }

    @classmethod
    def from_json(cls, body: Any) -> Policy:
        """Read a policy; raises `BundleInvalid` unless 0 <= refer_from <= decline_from <= 1."""
        body = expect_keys(body, {"name", "refer_from", "decline_from"}, "policy")
        refer_from = expect_number(body["refer_from"], "policy refer_from")
        decline_from = expect_number(body["decline_from"], "policy decline_from")
        if not 0 <= refer_from <= decline_from <= 1:
            raise BundleInvalid(
                f"policy: refer_from={refer_from} and decline_from={decline_from} must be ordered within 0 to 1"
            )
        if not isinstance(body["name"], str) or not NAME.fullmatch(body["name"]):
            raise BundleInvalid(
                f"policy: name {body['name']!r} is not 1 to 40 of: a-z, 0-9, - and _ (not at its start)"
            )
        return cls(body["name"], refer_from, decline_from)


def policy_from_costs(costs: Costs) -> Policy:
    """Return the policy of least expected cost per case, for a calibrated P(bad) = p.

    Approving costs p * false_approve, declining (1 - p) * false_decline, a review costs itself (Elkan, 2001).
    """
    indifferent = costs.false_decline / (costs.false_decline + costs.false_approve)
    if costs.review is None:
        return Policy("least-cost", indifferent, indifferent)
    refer_from = min(costs.review / costs.false_approve, indifferent)
    decline_from = max(1 - costs.review / costs.false_decline, indifferent)
    return Policy("least-cost", refer_from, decline_from)
