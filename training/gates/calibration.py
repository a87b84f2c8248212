"""Gates on calibration: is a probability what it says, as far as so many rows can tell?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.gates.result import GATES, MISSING, GateResult

# A slope in here moves a probability of 5 % by less than two points: of no consequence, however certain.
LOW_SLOPE, HIGH_SLOPE = 0.9, 1.1


def calibration_gates(evidence: Mapping[str, Any]) -> list[GateResult]:
    """Judge the calibration error against chance, the slope, and the chosen calibrator against none.

    The first two are read from `calibration_report`, the third from `Calibrated.to_json` under `calibrators`.
    """
    shipped = evidence["shipped"]
    report = shipped.get("calibration") or {}
    return [
        _error_gate(report.get("ece") or {}),
        _slope_gate(report.get("recalibration") or {}),
        _calibrator_gate(shipped.get("calibrators") or {}),
    ]


def _error_gate(error: Mapping[str, Any]) -> GateResult:
    gate, words = GATES["G-ECE"], "what 99 of 100 perfect models of this size show by chance"
    if error.get("value") is None or not error.get("chance"):
        return gate.missing(f"at most {words}", error.get("reason") or MISSING)
    value, chance = error["value"], error["chance"]["percentile_99"]
    return gate.judge(value <= chance, f"{value:.4f}", f"at most {chance:.4f}, {words}")


def _slope_gate(recalibration: Mapping[str, Any]) -> GateResult:
    gate, slope = GATES["G-SLOPE"], recalibration.get("slope")
    required = f"an interval that reaches {LOW_SLOPE} to {HIGH_SLOPE}; 1 is right, below 1 is overfitted"
    if not slope:
        return gate.missing(required, recalibration.get("reason") or MISSING)
    low, high = slope["low"], slope["high"]
    reaches = low <= HIGH_SLOPE and high >= LOW_SLOPE
    return gate.judge(reaches, f"{slope['value']:.3f}", required, (low, high))


def _calibrator_gate(calibrators: Mapping[str, Any]) -> GateResult:
    gate, required = GATES["G-CALIBRATOR"], "a log loss at most that of the uncalibrated scores"
    losses = {item["method"]: item["log_loss"] for item in calibrators.get("tried", ())}
    if "none" not in losses or calibrators.get("chosen") not in losses:
        return gate.missing(required)
    chosen, none = losses[calibrators["chosen"]], losses["none"]
    return gate.judge(chosen <= none, f"{chosen:.5f} against {none:.5f} nats uncalibrated", required)
