"""A gate and what it found; every gate that there is, by its code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from service.errors import WrongUse
from training.use_case import Requirements

MISSING = "the evidence holds no such figure; train again"


class Severity(StrEnum):
    """What a failed gate does: it blocks the promotion, or is only printed."""

    BLOCKS = "blocks"
    WARNS = "warns"


class Status(StrEnum):
    """What a gate found; `not_applicable` is no pass."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class GateResult:
    """What one gate observed and required, in words with units; `interval` is the 95 % one of what was observed."""

    code: str
    title: str
    severity: Severity
    status: Status
    observed: str
    required: str
    interval: tuple[float, float] | None = None
    note: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this result alone forbids the promotion."""
        return self.status is Status.FAIL and self.severity is Severity.BLOCKS

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON data."""
        body = asdict(self)
        return {**body, "interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True)
class Gate:
    """A gate: its code, which stays the same for ever, its title, and what a failure does."""

    code: str
    title: str
    severity: Severity = Severity.BLOCKS

    def judge(
        self,
        passed: bool,
        observed: str,
        required: str,
        interval: Sequence[float] | None = None,
        note: str = "",
    ) -> GateResult:
        """Return a pass or a fail."""
        status = Status.PASS if passed else Status.FAIL
        bounds = None if interval is None else (float(interval[0]), float(interval[1]))
        return GateResult(self.code, self.title, self.severity, status, observed, required, bounds, note)

    def not_applicable(self, note: str, required: str = "nothing") -> GateResult:
        """Return that there is nothing to judge, and why."""
        return GateResult(
            self.code, self.title, self.severity, Status.NOT_APPLICABLE, "not judged", required, None, note
        )

    def missing(self, required: str, note: str = MISSING) -> GateResult:
        """Return a fail: what is asked for cannot be shown."""
        return self.judge(False, "not known", required, note=note)


GATES = {
    gate.code: gate
    for gate in (
        Gate("G-ROWS", "Rows to learn from"),
        Gate("G-BAD-ROWS", "Bad rows to learn from"),
        Gate("G-AUC", "Discrimination: ROC AUC"),
        Gate("G-PR-AUC", "Discrimination: PR AUC"),
        Gate("G-BRIER", "Accuracy of probabilities: Brier score"),
        Gate("G-ECE", "Calibration: expected calibration error against chance"),
        Gate("G-SLOPE", "Calibration: slope"),
        Gate("G-CALIBRATOR", "Calibration: no worse than without a calibrator"),
        Gate("G-COST", "Cost of the decisions"),
        Gate("G-COST-TRIVIAL", "Cost against one decision for everybody"),
        Gate("G-PRECISION", "Precision: share of the declined that is bad"),
        Gate("G-RECALL", "Recall: share of the bad that is declined"),
        Gate("G-PSI", "Stability: scores of development and untouched rows"),
        Gate("G-UNTOUCHED", "Stability: ROC AUC on untouched rows"),
        Gate("G-PROTECTED", "Fairness: no protected attribute is an input"),
        Gate("G-FOUR-FIFTHS", "Fairness: approval rates, four-fifths rule"),
        Gate("G-TPR", "Fairness: gap in the share of the bad not approved"),
        Gate("G-FPR", "Fairness: gap in the share of the good not approved"),
        Gate("G-GROUP-CALIBRATION", "Fairness: calibration within groups"),
        Gate("G-DOCUMENTS", "Documentation is complete"),
        Gate("G-CHAMPION-COST", "Cost against the champion"),
        Gate("G-CHAMPION-LOSS", "Log loss against the champion"),
        Gate("G-LATENCY", "Time of one decision"),
    )
}


def blocking(results: Iterable[GateResult]) -> list[GateResult]:
    """Return the failed results that forbid a promotion."""
    return [result for result in results if result.blocks]


def with_declared_severity(results: Iterable[GateResult], requirements: Requirements) -> list[GateResult]:
    """Let the gates that the use case declares so only warn; raises `WrongUse` for a code that is no gate's."""
    if unknown := [code for code in requirements.only_warn if code not in GATES]:
        raise WrongUse(f"only_warn names {unknown[0]!r}, which is not one of: {', '.join(GATES)}")
    return [
        replace(result, severity=Severity.WARNS) if result.code in requirements.only_warn else result
        for result in results
    ]
