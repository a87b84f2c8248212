"""Gates on fairness: which of the figures are judged depends on the use case's profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.scoring.contract import Contract, Role
from training.fairness import grouping_columns
from training.gates.result import GATES, GateResult, Severity
from training.use_case import FairnessProfile

OURS = "no law fixes this number: it is this product's own"
PROXIES = "the inputs may still stand for them: see the proxies in the fairness report"


@dataclass(frozen=True)
class _Limit:
    """A figure per group, the range in which it is unremarkable, and the wider one which it may not leave.

    A value outside `wanted` warns. An interval that lies wholly outside `allowed` blocks: no chance explains it.
    The intervals are those that hold for all groups of an attribute together.
    """

    figure: str
    wanted: tuple[float, float]
    allowed: tuple[float, float]
    words: str
    note: str

    def warns(self, found: Mapping[str, Any]) -> bool:
        return not self.wanted[0] <= found["value"] <= self.wanted[1]

    def blocks(self, found: Mapping[str, Any]) -> bool:
        low, high = found["joint"]
        return bool(self.warns(found) and (high < self.allowed[0] or low > self.allowed[1]))

    def excess(self, found: Mapping[str, Any]) -> float:
        return float(max(self.wanted[0] - found["value"], found["value"] - self.wanted[1]))


UP = float("inf")
LIMITS = {
    "G-FOUR-FIFTHS": _Limit(
        "approval_ratio",
        (0.8, UP),
        (0.8, UP),
        "at least 0.8 of the approval rate of the most approved group; wholly below blocks",
        "a rule of thumb of the EEOC (29 CFR 1607.4 D), used under the ECOA too; not a proof either way",
    ),
    "G-TPR": _Limit(
        "tpr_gap",
        (-0.1, 0.1),
        (-0.2, 0.2),
        "at most 0.1 from the most approved group; an interval wholly beyond 0.2 blocks",
        f"equality of opportunity (Hardt et al., 2016); {OURS}",
    ),
    "G-FPR": _Limit(
        "fpr_gap",
        (-0.1, 0.1),
        (-0.2, 0.2),
        "at most 0.1 from the most approved group; an interval wholly beyond 0.2 blocks",
        f"equality of opportunity (Hardt et al., 2016); {OURS}",
    ),
    "G-GROUP-CALIBRATION": _Limit(
        "calibration_ratio",
        (0.8, 1.25),
        (0.8, 1.25),
        "bad rate 0.8 to 1.25 times the mean probability in every group; wholly outside blocks",
        f"neither the AI Act nor the Consumer Credit Directive asks for more than care: {OURS}",
    ),
}
JUDGED = {
    FairnessProfile.EU: ("G-GROUP-CALIBRATION", "G-TPR", "G-FPR"),
    FairnessProfile.US: ("G-FOUR-FIFTHS",),
    FairnessProfile.FRAUD: ("G-FPR",),
    FairnessProfile.NONE: (),
}


def fairness_gates(
    profile: FairnessProfile, evidence: Mapping[str, Any], contract: Contract
) -> list[GateResult]:
    """Judge the inputs and, of the figures per group, those that the profile names; the others are not applicable."""
    return [
        _inputs_gate(profile, evidence, contract),
        *(_group_gate(code, profile, evidence, contract) for code in LIMITS),
    ]


def _inputs_gate(profile: FairnessProfile, evidence: Mapping[str, Any], contract: Contract) -> GateResult:
    gate = GATES["G-PROTECTED"]
    protected = {column.name for column in contract.of_role(Role.PROTECTED)}
    if profile is FairnessProfile.NONE or not protected:
        return gate.not_applicable(_why_not(profile, contract))
    used = {*contract.inputs, *(name for item in contract.derived for name in item.of)}
    # The contract cannot say it, a bundle made another way could: what the model really weighs counts as well.
    used |= set(evidence.get("importance") or {})
    found = sorted(protected & used)
    return gate.judge(
        not found, ", ".join(found) or "none is", f"none of: {', '.join(sorted(protected))}", note=PROXIES
    )


def _group_gate(
    code: str, profile: FairnessProfile, evidence: Mapping[str, Any], contract: Contract
) -> GateResult:
    gate, limit = GATES[code], LIMITS[code]
    if code not in JUDGED[profile] or not contract.of_role(Role.PROTECTED):
        return gate.not_applicable(_why_not(profile, contract))
    if not grouping_columns(contract):
        return gate.not_applicable(_no_groups(contract), limit.words)
    if not (attributes := (evidence.get("fairness") or {}).get("attributes")):
        return gate.missing(limit.words)
    found = list(_figures(attributes, limit.figure))
    if not found:
        return gate.not_applicable("no attribute has two groups that are large enough to judge", limit.words)
    name, worst = max(found, key=lambda item: (limit.blocks(item[1]), limit.excess(item[1])))
    others = [f"{who}: {item['value']:.3f}" for who, item in found if limit.warns(item) and who != name]
    result = gate.judge(
        not limit.warns(worst),
        f"{worst['value']:.3f} ({name})",
        limit.words,
        worst["joint"],
        "; ".join([f"also {', '.join(others)}"] * bool(others) + [limit.note]),
    )
    severity = Severity.WARNS if limit.warns(worst) and not limit.blocks(worst) else gate.severity
    return replace(result, severity=severity)


def _figures(attributes: Mapping[str, Any], figure: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield attribute and group in words, and the figure, for every judged group that has it."""
    for attribute, part in attributes.items():
        for group in part["groups"]:
            if group["judged"] and (found := group["figures"][figure]) is not None:
                yield f"{attribute} {group['group']}", found


def _no_groups(contract: Contract) -> str:
    columns = ", ".join(f"{column.name} ({column.type.value})" for column in contract.of_role(Role.PROTECTED))
    return f"no protected column makes groups: {columns}; an id or a time is each person's own"


def _why_not(profile: FairnessProfile, contract: Contract) -> str:
    if not contract.of_role(Role.PROTECTED):
        return "the contract has no protected column"
    return f"the fairness profile {profile.value!r} does not judge it; the figures are reported"
