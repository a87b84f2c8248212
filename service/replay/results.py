"""What a replay comes to: counts, and the decisions that came out otherwise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from service.scoring.policy import DECISIONS

MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that came out otherwise, or was refused, than it was logged."""

    decision_id: str
    model: str
    policy: str
    what: str
    logged: Any
    replayed: Any


@dataclass(slots=True)
class Replayed:
    """What a replay came to; `listed` holds the first thousand differences.

    erased: decisions whose record is gone. unavailable: decisions by what of their time could not be loaded, and why.
    """

    decisions: int = 0
    same: int = 0
    different: int = 0
    erased: int = 0
    unavailable: Counter[str] = field(default_factory=Counter)
    listed: list[Difference] = field(default_factory=list)

    def join(self, other: Replayed) -> None:
        """Add another replay to this one."""
        self.decisions += other.decisions
        self.same += other.same
        self.different += other.different
        self.erased += other.erased
        self.unavailable.update(other.unavailable)
        self.listed += other.listed[: max(0, MOST_LISTED - len(self.listed))]

    def add(self, difference: Difference) -> None:
        """Count a difference, and list it if there is room."""
        self.different += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(difference)

    @property
    def holds(self) -> bool:
        """Whether all that could be replayed came out as logged; not where decisions were there and none could be."""
        return self.different == 0 and (self.same > 0 or self.decisions == 0)


@dataclass(slots=True)
class Redecided:
    """What another policy would have decided: counts by logged and new decision, and expected costs.

    costs: of all decisions together as logged and as they would be, in the costs' currency; None where cases are
    referred and the costs state no price of a review.
    """

    counts: dict[str, dict[str, int]]
    cost_before: float | None = 0.0
    cost_after: float | None = 0.0

    @classmethod
    def nothing(cls) -> Redecided:
        """Return what looking at no decision comes to."""
        return cls({str(old): {str(new): 0 for new in DECISIONS} for old in DECISIONS})

    def join(self, other: Redecided) -> None:
        """Add what became of other decisions."""
        for old, row in other.counts.items():
            for new, count in row.items():
                self.counts[old][new] += count
        self.cost_before = plus(self.cost_before, other.cost_before)
        self.cost_after = plus(self.cost_after, other.cost_after)

    @property
    def decisions(self) -> int:
        """How many decisions were looked at."""
        return sum(sum(row.values()) for row in self.counts.values())

    @property
    def changed(self) -> int:
        """How many would have been others."""
        return self.decisions - sum(self.counts[name][name] for name in self.counts)


def plus(total: float | None, cost: float | None) -> float | None:
    """Return a sum of costs, None as soon as one of them is not stated."""
    return None if total is None or cost is None else total + cost
