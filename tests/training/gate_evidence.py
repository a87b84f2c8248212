from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from service.scoring.policy import Costs
from training.gates import (
    GateResult,
    Status,
    absolute_gates,
)
from training.use_case import FairnessProfile, Requirements
from training.use_cases import use_cases

CASE = use_cases()["german_credit"]
COSTS = Costs(false_approve=3000, false_decline=1000, review=600, currency="TWD")
EVERYTHING = Requirements(
    least_roc_auc=0.75,
    least_pr_auc=0.5,
    most_brier=0.15,
    most_cost_per_case=450,
    least_precision=0.6,
    least_recall=0.4,
)
EU, US, FRAUD, NONE = FairnessProfile.EU, FairnessProfile.US, FairnessProfile.FRAUD, FairnessProfile.NONE
PASS, FAIL, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.NOT_APPLICABLE
Change = Callable[[dict[str, Any]], object]


def sound() -> dict[str, Any]:
    """Return evidence that passes everything."""
    shipped = {
        "roc_auc": 0.785,
        "pr_auc": 0.55,
        "brier": 0.134,
        "cost_per_case": 395.0,
        "bad_rate": 0.22,
        "precision": 0.65,
        "recall": 0.42,
    }
    return {
        "data": {"rows": 24_000, "bad_rate": 0.22, "split_kind": "stratified"},
        "about": asdict(CASE.about),
        "procedure": {
            "metrics": {"roc_auc": 0.781},
            "intervals": {"roc_auc": [0.765, 0.797]},
            "calibration": {
                "ece": {"value": 0.006, "chance": {"percentile_99": 0.018}, "reason": None},
                "recalibration": {"slope": {"value": 1.02, "low": 0.94, "high": 1.1}, "reason": None},
            },
            "calibration_gain": {"value": 0.0004, "interval": [-0.0002, 0.001]},
        },
        "shipped": {
            "metrics": shipped,
            "intervals": {"roc_auc": [0.778, 0.792], "cost_per_case": [385.0, 405.0]},
            "calibration": {
                "ece": {"value": 0.005, "chance": {"percentile_99": 0.008}, "reason": None},
                "recalibration": {"slope": {"value": 1.01, "low": 0.98, "high": 1.04}, "reason": None},
            },
        },
        "stability": {"psi": 0.01},
        "importance": {"Duration": 0.4, "Purpose": 0.1},
        "fairness": of_groups(),
    }


def of_groups(**changed: dict[str, Any]) -> dict[str, Any]:
    """Return a fairness report of two groups treated alike; `changed` replaces figures of the second."""
    alike = {"value": 1.0, "interval": [0.95, 1.05], "joint": [0.94, 1.06]}
    no_gap = {"value": 0.0, "interval": [-0.02, 0.02], "joint": [-0.03, 0.03]}
    second = {"approval_ratio": alike, "tpr_gap": no_gap, "fpr_gap": no_gap, "calibration_ratio": alike}
    first = {**dict.fromkeys(second), "calibration_ratio": alike}
    groups = [
        {"group": "male", "rows": 500, "judged": True, "figures": first},
        {"group": "female", "rows": 500, "judged": True, "figures": {**second, **changed}},
        {"group": "other", "rows": 3, "judged": False, "figures": None},
    ]
    return {"attributes": {"Sex": {"reference": "male", "groups": groups}}}


def figure(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "interval": [low, high], "joint": [low, high]}


def judge(
    change: Change = lambda _: None,
    requirements: Requirements = EVERYTHING,
    profile: FairnessProfile = EU,
) -> dict[str, GateResult]:
    evidence = sound()
    change(evidence)
    results = absolute_gates(requirements, profile, evidence, CASE.contract, CASE.reasons, COSTS)
    return {result.code: result for result in results}


def metrics(**values: float) -> Change:
    return lambda evidence: evidence["shipped"]["metrics"].update(values)


def calibration(**values: Any) -> Change:
    return lambda evidence: evidence["shipped"]["calibration"].update(values)


def groups(**changed: dict[str, Any]) -> Change:
    return lambda evidence: evidence.update(fairness=of_groups(**changed))
