"""Gates on calibration: is a probability what it says, as far as so many rows can tell?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.gates.result import GATES, MISSING, GateResult

# A slope in here moves a probability of 5 % by less than two points: of no consequence, however certain.
LOW_SLOPE, HIGH_SLOPE = 0.9, 1.1
LATEST = "judged on the untouched rows, the latest: scores out of fold mix fits of different ages"


def calibration_gates(evidence: Mapping[str, Any]) -> list[GateResult]:
    """Judge the calibration error against chance, the slope, and the chosen calibrator against none.

    The first two are read from the `calibration_report` of every row out of fold, or of the untouched rows where
    the split is by time. The third is judged on untouched rows alone: a calibrator chosen on the rows that judge
    it could not be worse than none.
    """
    by_time = evidence["data"].get("split_kind") == "time"
    report = evidence["procedure" if by_time else "shipped"].get("calibration") or {}
    note = LATEST if by_time else ""
    return [
        _error_gate(report.get("ece") or {}, note),
        _slope_gate(report.get("recalibration") or {}, note),
        _calibrator_gate(evidence["procedure"].get("calibration_gain") or {}),
    ]


def _error_gate(error: Mapping[str, Any], note: str) -> GateResult:
    gate, words = GATES["G-ECE"], "what 99 of 100 perfect models of this size show by chance"
    if error.get("value") is None or not error.get("chance"):
        return gate.missing(f"at most {words}", error.get("reason") or MISSING)
    value, chance = error["value"], error["chance"]["percentile_99"]
    return gate.judge(value <= chance, f"{value:.4f}", f"at most {chance:.4f}, {words}", note=note)


def _slope_gate(recalibration: Mapping[str, Any], note: str) -> GateResult:
    gate, slope = GATES["G-SLOPE"], recalibration.get("slope")
    required = f"an interval that reaches {LOW_SLOPE} to {HIGH_SLOPE}; 1 is right, below 1 is overfitted"
    if not slope:
        return gate.missing(required, recalibration.get("reason") or MISSING)
    low, high = slope["low"], slope["high"]
    reaches = low <= HIGH_SLOPE and high >= LOW_SLOPE
    return gate.judge(reaches, f"{slope['value']:.3f}", required, (low, high), note)


def _calibrator_gate(gain: Mapping[str, Any]) -> GateResult:
    gate = GATES["G-CALIBRATOR"]
    required = "untouched rows lose nothing by the calibrator: an interval of its gain that reaches 0"
    if gain.get("value") is None or not gain.get("interval"):
        return gate.missing(required)
    low, high = gain["interval"]
    return gate.judge(high >= 0, f"{gain['value']:+.5f} nats of log loss per case", required, (low, high))
