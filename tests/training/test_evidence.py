from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from service.scoring.policy import policy_from_costs
from training.candidates import FOR_FEW
from training.data import generate_cases
from training.train import Options, Trained, train
from training.tune import Budget
from training.use_cases import use_cases

NAMES = sorted(use_cases())


@pytest.mark.parametrize("name", NAMES)
def test_no_id_and_no_time_of_a_case_is_in_the_bundle(quick: Callable[..., Trained], name: str) -> None:
    trained = quick(name)
    text = b"".join(trained.files.values()).decode("latin-1")
    for column in trained.cases.use_case.contract.columns:
        if column.role in ("id", "time") and column.name in trained.cases.table.column_names:
            values = [str(value) for value in trained.cases.table.column(column.name).to_pylist()[:200]]
            assert [value for value in values if len(value) > 4 and f'"{value}"' in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_evidence_has_every_part_that_a_card_shows(quick: Callable[..., Trained], name: str) -> None:
    evidence = quick(name).scorer.evidence
    for part in ("procedure", "shipped"):
        assert {"population", "metrics", "intervals", "calibrator", "calibration", "curves"} <= set(
            evidence[part]
        )
    assert {gate["code"] for gate in evidence["gates"]} >= {"G-AUC", "G-ECE", "G-PSI", "G-DOCUMENTS"}
    assert set(evidence["importance"]) == set(quick(name).scorer.contract.inputs)
    json.dumps(evidence, allow_nan=False)


def test_metrics_of_the_untouched_rows_are_under_the_policy_that_is_shipped(
    quick: Callable[..., Trained],
) -> None:
    trained = quick("german_credit")
    assert trained.procedure.judged.policy == trained.scorer.policy
    assert trained.scorer.policy == policy_from_costs(trained.cases.use_case.costs)


def test_a_thorough_training_says_what_protected_attributes_would_add_and_what_stands_for_them() -> None:
    cases = generate_cases(use_cases()["german_credit"], 600, seed=3)
    fairness = train(cases, options=Options(Budget(0), FOR_FEW[:1])).scorer.evidence["fairness"]
    assert set(fairness["would_add"]) == {"Age", "Sex"}
    assert {"roc_auc", "log_loss", "interval"} == set(fairness["would_add"]["Age"])
    assert set(fairness["proxies"]["attributes"]) == {"Age", "Sex"}


def test_fewer_inputs_are_one_more_candidate_and_the_evidence_says_which() -> None:
    cases = generate_cases(use_cases()["credit_risk"], 700, seed=3)
    options = Options(Budget(0), FOR_FEW[:1], select_inputs=True, thorough=False)
    evidence = train(cases, options=options).scorer.evidence
    kept = evidence["features"]["kept"]
    names = [item["name"] for item in evidence["candidates"]]
    assert len(names) == 1 + (len(kept) < len(cases.use_case.contract.inputs))
    assert np.isfinite([row["frequency"] for row in evidence["features"]["table"]]).all()
