"""What one look found: drift, and beside it what is known of performance and what to do about both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.decision_log.statements import iso
from training.alerts import Finding
from training.monitoring.drift import (
    ColumnDrift,
    DomainDrift,
    PriorShift,
    Reference,
    RefusalDrift,
    ScoreDrift,
    Status,
)
from training.monitoring.drift.judging import worst
from training.monitoring.observed import Observed
from training.monitoring.windows import Windows


@dataclass(frozen=True, slots=True)
class Drift:
    """All that was compared. level: of each single test, such that a year of daily looks keeps to the stated alpha."""

    level: float
    columns: tuple[ColumnDrift, ...]
    score: ScoreDrift
    prior: PriorShift
    domain: DomainDrift
    refusals: RefusalDrift

    @property
    def status(self) -> Status:
        """The gravest of all statuses."""
        others = (self.score.status, self.prior.status, self.domain.status, self.refusals.status)
        return worst([*(item.status for item in self.columns), *others])

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "level": self.level,
            "columns": [item.to_json() for item in self.columns],
            "score": self.score.to_json(),
            "prior": self.prior.to_json(),
            "domain": self.domain.to_json(),
            "refusals": self.refusals.to_json(),
        }


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a look found. drift is None where the analysis holds fewer records than are `needed`.

    at: when it was looked, microseconds since 1970, UTC. analysis, reference: on both windows, and with performance and
    advice JSON data. unjudged: kinds of findings whose absence says nothing, because there was too little to judge.
    """

    use_case: str
    model: str
    at: int
    analysis: Mapping[str, Any]
    reference: Mapping[str, Any]
    needed: int
    drift: Drift | None
    performance: Mapping[str, Any]
    advice: Mapping[str, Any]
    findings: tuple[Finding, ...]
    unjudged: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether there were enough records to look at."""
        return self.drift is not None

    @property
    def status(self) -> str:
        """`found` where anything is wrong; else `not enough`, or `ok`."""
        if self.findings:
            return "found"
        return "ok" if self.enough else "not enough"

    def to_json(self) -> dict[str, Any]:
        """Return the whole report as JSON data."""
        drift = {} if self.drift is None else self.drift.to_json()
        return {
            "use_case": self.use_case,
            "model": self.model,
            "at": iso(self.at),
            "status": self.status,
            "needed": self.needed,
            "analysis": dict(self.analysis),
            "reference": dict(self.reference),
            **drift,
            "performance": self.performance,
            "advice": self.advice,
            "findings": [item.to_json() for item in self.findings],
        }


def told_of_analysis(windows: Windows, observed: Observed) -> dict[str, Any]:
    """Return what is to be said of the analysis: its window, and how many records of which kind."""
    return {**windows.analysis.to_json(), **_counts(observed)}


def told_of_reference(windows: Windows, observed: Observed, reference: Reference) -> dict[str, Any]:
    """Return what is to be said of the reference: its source, and the window also where that holds too little."""
    told: dict[str, Any] = {"source": reference.source, "rows": reference.rows}
    return {**told, "window": {**windows.reference.to_json(), **_counts(observed)}}


def _counts(observed: Observed) -> dict[str, Any]:
    return {
        "records": observed.rows,
        "erased": observed.erased,
        "unreadable": observed.unreadable,
        "refused": observed.refused.records,
        "quarantined": observed.refused.quarantined,
        "by_model": observed.by_model(),
    }
