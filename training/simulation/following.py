"""What becomes of decisions, and when it is told: late, and of declined cases not at all unless declared."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from service.errors import WrongUse
from service.scoring.policy import Decision
from training.data import Outcomes
from training.simulation.door import Answer, Happened
from training.simulation.population import Numbers

DAY = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Delay:
    """Days until an outcome is seen; a bad one shows up to `spread` days earlier, evenly.

    That something is good is only known at the end, which is why figures of what was told so far mislead.
    """

    days: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        """Raise `WrongUse` for a spread that would show an outcome before its decision."""
        if not 0 <= self.spread <= self.days:
            raise WrongUse(
                f"--delay {self.days:g}:{self.spread:g}: the spread must be from 0 to {self.days:g} days"
            )


@dataclass(frozen=True, slots=True)
class Following:
    """Whose outcomes are told.

    accepted_declines: share of the declined, drawn at random, who are accepted all the same; 1 tells of all. until:
    microseconds since 1970 from which on nothing more is seen, None for never.
    """

    delay: Delay
    accepted_declines: float = 0.0
    until: int | None = None

    def follow(
        self, answers: Sequence[Answer], at: Numbers, bad: Outcomes, rng: np.random.Generator
    ) -> list[Happened]:
        """Return what will have become of the decisions (rows,), in the order in which it is seen."""
        early = self.delay.days - np.where(bad == 1, rng.random(len(bad)) * self.delay.spread, 0.0)
        seen = at + (early * DAY).astype(np.int64)
        accepted = rng.random(len(bad)) < self.accepted_declines
        happened = [
            Happened(answer.decision_id, bool(is_bad), int(moment))
            for answer, is_bad, moment, by_chance in zip(answers, bad, seen, accepted, strict=True)
            if answer.decision_id and (answer.decision != Decision.DECLINE or by_chance)
        ]
        kept = [item for item in happened if self.until is None or item.observed_at < self.until]
        return sorted(kept, key=_SEEN)


@dataclass(slots=True)
class ToCome:
    """Outcomes that are not told yet."""

    waiting: list[Happened] = field(default_factory=list)

    def add(self, happened: Iterable[Happened]) -> None:
        """Take more of them."""
        self.waiting += happened
        # Nearly in order already, which is quick.
        self.waiting.sort(key=_SEEN)

    def seen_before(self, moment: int) -> list[Happened]:
        """Return what is seen before a moment, in order; it stays until it is `told`."""
        return self.waiting[: bisect.bisect_left(self.waiting, moment, key=_SEEN)]

    def told(self, happened: Sequence[Happened]) -> None:
        """Take out what was told: it is what comes first."""
        self.waiting = self.waiting[len(happened) :]


_SEEN = attrgetter("observed_at")
