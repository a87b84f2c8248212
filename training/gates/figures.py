"""Gates on the size of the sample and on single figures with a declared bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.scoring.policy import Costs
from training.gates.result import GATES, GateResult
from training.use_case import Requirements


def figure_gates(requirements: Requirements, evidence: Mapping[str, Any], costs: Costs) -> list[GateResult]:
    """Judge the sample, each figure for which the use case declares a bound, and the cost of deciding at all."""
    bounds = [_bound_gate(bound, requirements, evidence, costs) for bound in BOUNDS]
    return [*_sample_gates(requirements, evidence), *bounds, _trivial_gate(evidence, costs)]


@dataclass(frozen=True)
class _Bound:
    """A metric of the evidence, the requirement that bounds it, from below or above, and how it is written."""

    code: str
    metric: str
    requirement: str
    write: Callable[[float, Costs], str]

    @property
    def from_below(self) -> bool:
        return self.requirement.startswith("least_")


def _plain(value: float, costs: Costs) -> str:
    return f"{value:.4f}"


def _per_cent(value: float, costs: Costs) -> str:
    return f"{value:.1%}".replace("%", " %")


def _money(value: float, costs: Costs) -> str:
    return f"{value:.4g} {costs.currency}".rstrip() + " per case"


BOUNDS = (
    _Bound("G-AUC", "roc_auc", "least_roc_auc", _plain),
    _Bound("G-PR-AUC", "pr_auc", "least_pr_auc", _plain),
    _Bound("G-BRIER", "brier", "most_brier", _plain),
    _Bound("G-COST", "cost_per_case", "most_cost_per_case", _money),
    _Bound("G-PRECISION", "precision", "least_precision", _per_cent),
    _Bound("G-RECALL", "recall", "least_recall", _per_cent),
)


def _sample_gates(requirements: Requirements, evidence: Mapping[str, Any]) -> list[GateResult]:
    data = evidence["data"]
    # A mean over so many rows: rounding finds the count again.
    bad = round(data["rows"] * data["bad_rate"])
    return [
        GATES["G-ROWS"].judge(
            data["rows"] >= requirements.least_rows,
            f"{data['rows']} rows",
            f"at least {requirements.least_rows} rows",
        ),
        GATES["G-BAD-ROWS"].judge(
            bad >= requirements.least_bad_rows,
            f"{bad} bad rows",
            f"at least {requirements.least_bad_rows} bad rows",
        ),
    ]


def _bound_gate(
    bound: _Bound, requirements: Requirements, evidence: Mapping[str, Any], costs: Costs
) -> GateResult:
    gate, limit = GATES[bound.code], getattr(requirements, bound.requirement)
    if limit is None:
        return gate.not_applicable(f"the use case declares no {bound.requirement}")
    required = f"{'at least' if bound.from_below else 'at most'} {bound.write(limit, costs)}"
    value = evidence["shipped"]["metrics"].get(bound.metric)
    if value is None:
        return gate.missing(required)
    return gate.judge(
        value >= limit if bound.from_below else value <= limit,
        bound.write(value, costs),
        required,
        evidence["shipped"].get("intervals", {}).get(bound.metric),
    )


def _trivial_gate(evidence: Mapping[str, Any], costs: Costs) -> GateResult:
    metrics = evidence["shipped"]["metrics"]
    bad_rate, cost = metrics["bad_rate"], metrics["cost_per_case"]
    everybody = {
        "approving everybody": bad_rate * costs.false_approve,
        "declining everybody": (1 - bad_rate) * costs.false_decline,
    }
    if costs.review is not None:
        everybody["referring everybody"] = costs.review
    cheapest = min(everybody, key=lambda name: everybody[name])
    return GATES["G-COST-TRIVIAL"].judge(
        cost < everybody[cheapest],
        _money(cost, costs),
        f"below {_money(everybody[cheapest], costs)}, the cost of {cheapest}",
        evidence["shipped"].get("intervals", {}).get("cost_per_case"),
        "; ".join(f"{name} costs {_money(value, costs)}" for name, value in everybody.items()),
    )
