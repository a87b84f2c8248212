from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.scoring.contract import ColumnType, Role
from tests.training.gate_evidence import (
    CASE,
    COSTS,
    EU,
    EVERYTHING,
    FAIL,
    FRAUD,
    NONE,
    NOT_APPLICABLE,
    PASS,
    US,
    figure,
    groups,
    judge,
    of_groups,
    sound,
)
from training.fairness import fairness_report
from training.gates import (
    Severity,
    absolute_gates,
)
from training.use_case import FairnessProfile
from training.use_cases import use_cases


@pytest.mark.parametrize(
    ("profile", "judged"),
    [
        (EU, {"G-PROTECTED", "G-GROUP-CALIBRATION", "G-TPR", "G-FPR"}),
        (US, {"G-PROTECTED", "G-FOUR-FIFTHS"}),
        (FRAUD, {"G-PROTECTED", "G-FPR"}),
        (NONE, set()),
    ],
)
def test_the_profile_decides_which_fairness_figures_are_gates(
    profile: FairnessProfile, judged: set[str]
) -> None:
    fairness = {code: result for code, result in judge(profile=profile).items() if "Fairness" in result.title}
    assert {code for code, result in fairness.items() if result.status is not NOT_APPLICABLE} == judged
    for code in fairness.keys() - judged:
        assert f"the fairness profile '{profile}' does not judge it" in fairness[code].note


FIGURES = {
    "G-FOUR-FIFTHS": ("approval_ratio", US, (0.81, 0.6, 1.0), (0.79, 0.6, 0.81), (0.7, 0.6, 0.79)),
    "G-TPR": ("tpr_gap", EU, (-0.09, -0.3, 0.1), (-0.25, -0.3, -0.19), (-0.25, -0.3, -0.21)),
    "G-FPR": ("fpr_gap", FRAUD, (0.09, -0.1, 0.3), (0.25, 0.19, 0.3), (0.25, 0.21, 0.3)),
    "G-GROUP-CALIBRATION": ("calibration_ratio", EU, (1.2, 1.1, 1.3), (1.4, 1.2, 1.6), (1.4, 1.3, 1.5)),
}


@pytest.mark.parametrize("code", FIGURES)
def test_a_group_beyond_the_limit_warns_and_blocks_when_no_chance_explains_it(code: str) -> None:
    name, profile, within, doubtful, certain = FIGURES[code]
    found = [
        judge(groups(**{name: figure(*values)}), profile=profile)[code]
        for values in (within, doubtful, certain)
    ]
    assert [(result.status, result.severity) for result in found] == [
        (PASS, Severity.BLOCKS),
        (FAIL, Severity.WARNS),
        (FAIL, Severity.BLOCKS),
    ]
    assert found[2].observed == f"{certain[0]:.3f} (Sex female)"
    assert found[2].interval == certain[1:]


def test_a_certain_failure_is_shown_before_a_larger_doubtful_one_which_the_note_names() -> None:
    def change(evidence: dict[str, Any]) -> None:
        evidence["fairness"] = of_groups(approval_ratio=figure(0.6, 0.3, 1.2))
        certain = of_groups(approval_ratio=figure(0.78, 0.77, 0.79))["attributes"]["Sex"]
        evidence["fairness"]["attributes"]["Age"] = certain

    result = judge(change, profile=US)["G-FOUR-FIFTHS"]
    assert (result.observed, result.blocks) == ("0.780 (Age female)", True)
    assert result.note.startswith("also Sex female: 0.600; a rule of thumb of the EEOC")


def test_fairness_is_not_judged_where_no_two_groups_are_large_enough() -> None:
    def change(evidence: dict[str, Any]) -> None:
        for group in evidence["fairness"]["attributes"]["Sex"]["groups"]:
            group.update(judged=False, figures=None)

    result = judge(change, profile=US)["G-FOUR-FIFTHS"]
    assert result.status is NOT_APPLICABLE
    assert result.note == "no attribute has two groups that are large enough to judge"


def test_a_contract_without_protected_columns_has_no_fairness_to_judge() -> None:
    case = use_cases()["fraud_transactions"]
    evidence = {**sound(), "fairness": {"attributes": {}}}
    results = absolute_gates(EVERYTHING, FRAUD, evidence, case.contract, case.reasons, COSTS)
    notes = {result.note for result in results if "Fairness" in result.title}
    assert notes == {"the contract has no protected column"}


@pytest.mark.parametrize("kind", [ColumnType.ID, ColumnType.TIME])
def test_protected_columns_that_make_no_groups_leave_nothing_to_judge_and_say_why(kind: ColumnType) -> None:
    ungrouped = {"type": kind, "levels": (), "minimum": None, "maximum": None, "unit": ""}
    columns = tuple(
        column.model_copy(update=ungrouped) if column.role is Role.PROTECTED else column
        for column in CASE.contract.columns
    )
    contract = CASE.contract.model_copy(update={"columns": columns})
    evidence = {**sound(), "fairness": {"attributes": {}}}
    results = absolute_gates(EVERYTHING, EU, evidence, contract, CASE.reasons, COSTS)
    found = {result.code: result for result in results if "Fairness" in result.title}
    assert found["G-PROTECTED"].status is PASS
    for code in ("G-TPR", "G-FPR", "G-GROUP-CALIBRATION"):
        assert found[code].status is NOT_APPLICABLE
        assert found[code].note.startswith("no protected column makes groups: ")
        assert f"({kind.value})" in found[code].note


def test_a_report_as_it_is_made_can_be_judged() -> None:
    rng = np.random.default_rng(0)
    decisions = np.where(np.arange(1_000) % 2 == 0, rng.random(1_000) < 0.2, rng.random(1_000) < 0.7)
    report = fairness_report(
        {"Sex": ["male", "female"] * 500},
        (rng.random(1_000) < 0.3).astype(np.int8),
        np.full(1_000, 0.3),
        (2 * decisions).astype(np.int8),
    )
    result = judge(lambda evidence: evidence.update(fairness=report), profile=US)["G-FOUR-FIFTHS"]
    assert result.observed.endswith("(Sex female)")
    assert result.blocks
