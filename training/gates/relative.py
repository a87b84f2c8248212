"""The gates that a challenger passes beside the champion, and at work: cost, log loss and time of one decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from training.gates.result import GATES, GateResult, with_declared_severity
from training.use_case import Requirements

REQUIRED = "not significantly worse than the champion on the same rows"
NO_CHAMPION = "there is no champion to compare with"
NOT_COMPARED = (
    "the champion could not score these rows: give the cases both can score with --data, "
    "or promote with an override that says why"
)


def relative_gates(
    requirements: Requirements,
    comparison: Mapping[str, Any] | None,
    latency_us: float | None,
    champion: str | None = None,
    currency: str = "",
) -> list[GateResult]:
    """Judge a challenger against the champion on the same rows, and its time of one decision in microseconds.

    `comparison` is challenger minus champion: `champion` (tag), `rows`, `how`, `cost_difference` and
    `log_loss_difference` with the paired 95 % intervals `cost_interval` and `log_loss_interval`; None where
    there is no champion, or, with `champion` named, where it could not be compared with: that fails.
    """
    results = [
        _against("G-CHAMPION-COST", "cost", f"{currency} per case".strip(), comparison, champion),
        _against("G-CHAMPION-LOSS", "log_loss", "nats per case", comparison, champion),
        _latency_gate(requirements, latency_us),
    ]
    return with_declared_severity(results, requirements)


def _against(
    code: str, figure: str, unit: str, comparison: Mapping[str, Any] | None, champion: str | None
) -> GateResult:
    gate = GATES[code]
    if comparison is None and champion is None:
        return gate.not_applicable(NO_CHAMPION, REQUIRED)
    difference = None if comparison is None else comparison.get(f"{figure}_difference")
    if comparison is None or difference is None or not math.isfinite(difference):
        return gate.missing(REQUIRED, NOT_COMPARED)
    interval = comparison[f"{figure}_interval"]
    return gate.judge(
        interval[0] <= 0,
        f"{difference:+.4g} {unit}",
        f"{REQUIRED}: an interval that reaches 0",
        interval,
        f"against {comparison['champion']} on {comparison['rows']} rows, {comparison['how']}",
    )


def _latency_gate(requirements: Requirements, latency_us: float | None) -> GateResult:
    gate, limit = GATES["G-LATENCY"], requirements.most_record_microseconds
    required = f"at most {limit:g} microseconds"
    if latency_us is None:
        return gate.not_applicable("the time of one decision was not measured", required)
    return gate.judge(latency_us <= limit, f"{latency_us:.4g} microseconds", required)
