"""Incidents: from the look that finds something wrong until it is found no more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from service.scoring.errors import canonical_json
from training.alerts.finding import Finding, Severity

# What can happen to an incident, in this order.
Step: TypeAlias = Literal["opened", "raised", "recovered"]


@dataclass(frozen=True, slots=True)
class Incident:
    """Something wrong, as its latest look left it. Times in µs UTC.

    key, title, figures: of the finding. episode: 1 for the first incident of that key, 2 once it has come back, …
    severity: the highest that it has had. missed: looks in a row that have not found it, the last one
    at missed_at. recovered_at: None while open. channels: names of those that there were while it lasted. model: the
    tag of the one that was looked at when it began.
    """

    use_case: str
    key: str
    episode: int
    severity: Severity
    title: str
    figures: Mapping[str, Any]
    opened_at: int
    seen_at: int
    missed: int = 0
    recovered_at: int | None = None
    channels: frozenset[str] = frozenset()
    missed_at: int | None = None
    model: str = ""

    @property
    def id(self) -> str:
        """Name it in 16 hex digits, the same from whichever process, and another one in every installation."""
        named = canonical_json([self.use_case, self.key, self.episode, self.opened_at])
        return hashlib.sha256(named).hexdigest()[:16]

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.recovered_at is None

    def to_json(self) -> dict[str, Any]:
        """Return it for programs; times as ISO 8601."""
        return {
            "incident": self.id,
            "use_case": self.use_case,
            "key": self.key,
            "severity": self.severity,
            "title": self.title,
            "figures": dict(self.figures),
            "opened_at": iso(self.opened_at),
            "seen_at": iso(self.seen_at),
            "recovered_at": None if self.recovered_at is None else iso(self.recovered_at),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A step of an incident, and the incident as it was right after; at: the look's moment, µs UTC."""

    step: Step
    incident: Incident
    at: int


def opened(use_case: str, finding: Finding, episode: int, at: int, model: str = "") -> Incident:
    """Return the incident that a finding begins."""
    found = finding.key, episode, finding.severity, finding.title, finding.figures
    return Incident(use_case, *found, at, at, model=model)


def iso(at: int) -> str:
    """Return a moment in µs UTC as ISO 8601, to the second."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).isoformat(timespec="seconds")
