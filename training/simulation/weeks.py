"""What happened in each week of a simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.scoring.policy import DECISIONS
from training.data import Outcomes
from training.simulation.changes import Declared, in_force
from training.simulation.clock import date_of
from training.simulation.door import Answer, Happened

DAYS_OF_WEEK = 7


@dataclass(frozen=True, slots=True)
class Day:
    """One day: its number since the start, the answers with what will become of them, and the outcomes to tell."""

    number: int
    answers: Sequence[Answer]
    bad: Outcomes
    told: Sequence[Happened]


@dataclass(slots=True)
class Week:
    """Counts of one week; `bad` are all that will be bad, whether anybody will ever be told or not."""

    number: int
    counts: Counter[str] = field(default_factory=Counter)
    probability: float = 0.0
    bad: int = 0
    told: int = 0
    told_bad: int = 0
    models: set[str] = field(default_factory=set)

    def add(self, day: Day) -> None:
        """Count a day in."""
        for answer, bad in zip(day.answers, day.bad.tolist(), strict=True):
            self.counts[answer.decision] += 1
            if answer.decision_id:
                self.probability += answer.probability
                self.bad += bad
                self.models.add(answer.model)
        self.told += len(day.told)
        self.told_bad += sum(item.bad for item in day.told)

    @property
    def decisions(self) -> int:
        """How many records were decided."""
        return sum(self.counts[str(decision)] for decision in DECISIONS)

    def to_json(self, start: int, zone: ZoneInfo, changes: tuple[Declared, ...]) -> dict[str, Any]:
        """Return the week as it is reported; a change counts from the week in which it begins."""
        first = date_of(start, zone) + timedelta(days=self.number * DAYS_OF_WEEK)
        decisions = self.decisions
        return {
            "week": self.number,
            "from": first.isoformat(),
            "decisions": decisions,
            "refused": self.counts["refused"],
            **{str(decision): self.counts[str(decision)] for decision in DECISIONS},
            "mean_probability": round(self.probability / decisions, 6) if decisions else None,
            "bad_rate": round(self.bad / decisions, 6) if decisions else None,
            "told": self.told,
            "told_bad": self.told_bad,
            "models": sorted(self.models),
            "changes": in_force(changes, self.number + 1 - 1e-9),
        }


@dataclass(slots=True)
class Tally:
    """What was counted of the days that are done: their weeks, how many they are, and the records that came."""

    weeks: dict[int, Week] = field(default_factory=dict)
    days: int = 0
    records: int = 0

    def add(self, day: Day) -> None:
        """Count a day in; nothing of its records is kept."""
        number = day.number // DAYS_OF_WEEK
        self.weeks.setdefault(number, Week(number)).add(day)
        self.days += 1
        self.records += len(day.answers)


def totals(weeks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the counts of all weeks together."""
    names = ("decisions", "refused", *map(str, DECISIONS), "told", "told_bad")
    return {name: sum(int(week[name]) for week in weeks) for name in names}
