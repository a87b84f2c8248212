"""The gates that need a bundle's evidence and declarations alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.scoring.contract import Contract
from service.scoring.policy import Costs
from service.scoring.reasons import ReasonText
from training.gates.calibration import calibration_gates
from training.gates.documents import documents_gate
from training.gates.equality import fairness_gates
from training.gates.figures import figure_gates
from training.gates.result import GATES, GateResult, with_declared_severity
from training.gates.stability import stability_gates
from training.use_case import FairnessProfile, Requirements


def absolute_gates(
    requirements: Requirements,
    profile: FairnessProfile,
    evidence: Mapping[str, Any],
    contract: Contract,
    reasons: Mapping[str, ReasonText],
    costs: Costs,
) -> list[GateResult]:
    """Judge a model by its evidence: `shipped`, every row out of fold, but for what says otherwise.

    Results stand in the order of `GATES`. What the evidence does not hold fails. Figures with a declared bound are
    judged by their value; slope, untouched rows and groups by their interval too. Raises `WrongUse` for a
    declared code that is no gate's.
    """
    results = [
        *figure_gates(requirements, evidence, costs),
        *calibration_gates(evidence),
        *stability_gates(requirements, evidence),
        *fairness_gates(profile, evidence, contract),
        documents_gate(evidence, contract, reasons),
    ]
    order = list(GATES)
    return with_declared_severity(sorted(results, key=lambda result: order.index(result.code)), requirements)
