"""Gates on stability: do untouched rows look, and score, like those that the model was made on?"""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import Any

from training.gates.result import GATES, GateResult
from training.use_case import Requirements


def stability_gates(requirements: Requirements, evidence: Mapping[str, Any]) -> list[GateResult]:
    """Judge the shift of the scores (PSI) and the AUC on untouched rows against that out of fold."""
    return [_shift_gate(requirements, evidence), _untouched_gate(evidence)]


def _shift_gate(requirements: Requirements, evidence: Mapping[str, Any]) -> GateResult:
    gate, required = GATES["G-PSI"], f"a population stability index of at most {requirements.most_psi:g}"
    psi = (evidence.get("stability") or {}).get("psi")
    if psi is None:
        return gate.missing(required)
    return gate.judge(psi <= requirements.most_psi, f"{psi:.4f}", required)


def _untouched_gate(evidence: Mapping[str, Any]) -> GateResult:
    """Both AUCs are uncertain: their difference may be as large as both lower half intervals together."""
    gate = GATES["G-UNTOUCHED"]
    auc, interval = _auc(evidence["procedure"])
    expected, out_of_fold = _auc(evidence["shipped"])
    if interval is None or out_of_fold is None:
        return gate.missing("at least the ROC AUC out of fold, less what chance explains")
    least = expected - hypot(interval[1] - auc, expected - out_of_fold[0])
    return gate.judge(
        auc >= least,
        f"{auc:.4f}",
        f"at least {least:.4f}: the {expected:.4f} out of fold, less what chance explains",
        interval,
        "better than out of fold is no failure",
    )


def _auc(judgement: Mapping[str, Any]) -> tuple[float, list[float] | None]:
    return judgement["metrics"]["roc_auc"], judgement.get("intervals", {}).get("roc_auc")
