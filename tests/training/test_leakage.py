from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from training.data import Cases, cases_of_table, generate_cases, read_cases
from training.data_profile.separation import alone
from training.leakage import leakage_report
from training.splits import Fold, make_folds
from training.use_case import Split, UseCase
from training.use_cases import use_cases

GERMAN, CREDIT, FRAUD = (use_cases()[name] for name in ("german_credit", "credit_risk", "fraud_transactions"))

# The example of the oldest system: ten rows that every column parts perfectly.
TEN_ROWS = pd.DataFrame(
    {
        "is_fraud": [0, 1] * 5,
        "amount": [100.5, 7500, 200.3, 15000, 320, 10000, 180.25, 5000.5, 250.75, 20000],
        "time_since_last_transaction": [24, 2, 48, 1, 36, 0.5, 60, 0.3, 72, 0.1],
        "risk_score": [0.1, 0.9, 0.2, 0.95, 0.15, 0.85, 0.05, 0.9, 0.12, 0.99],
    }
)


def cases_of(use_case: UseCase, frame: pd.DataFrame) -> Cases:
    return cases_of_table(
        use_case, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="cases"
    )


def found(cases: Cases, kind: str) -> list[dict[str, Any]]:
    return [item for item in leakage_report(cases, 0) if item["kind"] == kind]


def german(rows: int = 2_000) -> pd.DataFrame:
    return GERMAN.sample(rows, seed=1)


def test_honest_generated_cases_have_no_finding() -> None:
    assert leakage_report(generate_cases(GERMAN, 400, seed=1), 0) == []


def test_ten_rows_that_every_column_parts_are_serious_in_every_column() -> None:
    findings = found(cases_of(FRAUD, TEN_ROWS), "separates")
    assert [item["column"] for item in findings] == ["amount", "time_since_last_transaction", "risk_score"]
    assert {item["severity"] for item in findings} == {"serious"}
    assert findings[0]["text"] == (
        "amount alone tells the outcome with a ROC AUC of 1.000: is it known before the outcome?"
    )


def test_a_column_made_from_the_outcome_is_serious_whichever_way_and_wherever_it_lies() -> None:
    frame, rng = german(), np.random.default_rng(0)
    # Bad in the middle, good at both ends: no order shows it, bins do.
    frame["Duration"] = np.where(
        frame["Risk"] == "bad", rng.uniform(20, 30, 2_000), rng.choice([10.0, 40.0], 2_000)
    )
    (finding,) = [
        item for item in found(cases_of(GERMAN, frame), "separates") if item["column"] == "Duration"
    ]
    assert finding["severity"] == "serious"
    assert finding["figure"] >= 0.99


def test_a_suspiciously_good_column_is_a_warning() -> None:
    frame, rng = german(), np.random.default_rng(0)
    frame["Duration"] = 24 + 8 * (frame["Risk"] == "bad") + rng.normal(0, 4, 2_000)
    findings = {item["column"]: item["severity"] for item in found(cases_of(GERMAN, frame), "separates")}
    assert findings["Duration"] == "warning"


def test_a_row_number_among_the_features_is_serious() -> None:
    frame = german()
    frame["Credit amount"] = np.arange(1, 2_001)
    (finding,) = found(cases_of(GERMAN, frame), "row_number")
    assert (finding["column"], finding["severity"]) == ("Credit amount", "serious")


def test_columns_known_after_the_decision_are_warnings_with_what_they_tell_alone() -> None:
    late = replace(CREDIT, known_after_decision=("loan_grade", "loan_int_rate"))
    findings = found(generate_cases(late, 2_500, seed=1), "known_after_decision")
    assert [(item["column"], item["severity"]) for item in findings] == [
        ("loan_grade", "warning"),
        ("loan_int_rate", "warning"),
    ]
    assert findings[0]["figure"] > 0.6
    assert findings[0]["text"].endswith(
        "there use credit_risk_pre_approval, which leaves it out, where the use case is the product's own, "
        "else declare one without it"
    )


def test_a_level_that_is_nearly_always_bad_is_named() -> None:
    frame = german()
    frame.loc[frame.index[:60], ["Purpose", "Risk"]] = ["repairs", "bad"]
    frame.loc[frame.index[60:], "Purpose"] = "car"
    (finding,) = found(cases_of(GERMAN, frame), "level")
    assert finding["text"].startswith("Purpose=repairs: 100.0% of 60 cases are bad, where ")


def test_nulls_that_go_bad_more_often_are_information_and_nulls_of_one_outcome_a_warning() -> None:
    frame, rng = CREDIT.sample(4_000, seed=1), np.random.default_rng(0)
    bad = (frame["loan_status"] == 1).to_numpy()
    frame["person_emp_length"] = np.where(rng.random(4_000) < np.where(bad, 0.2, 0.05), np.nan, 5.0)
    frame["loan_int_rate"] = np.where(bad & (rng.random(4_000) < 0.3), np.nan, 10.0)
    findings = {item["column"]: item["severity"] for item in found(cases_of(CREDIT, frame), "nulls")}
    assert findings == {"person_emp_length": "information", "loan_int_rate": "warning"}
    (pattern,) = found(cases_of(CREDIT, frame), "null_pattern")
    assert pattern["text"].startswith("which values are missing, and nothing else, tells the outcome")


def test_an_ordered_file_is_information_about_the_split() -> None:
    frame = german(3_000)
    ordered = pd.concat([frame.sort_values("Risk").iloc[600:], frame.sort_values("Risk").iloc[:600]])
    (finding,) = found(cases_of(GERMAN, ordered.reset_index(drop=True)), "row_order")
    assert finding["severity"] == "information"
    assert "row order predicts the outcome: 0.0% to 100.0% bad in its tenths" in finding["text"]


@pytest.mark.parametrize(("split", "severity"), [(Split.STRATIFIED, "warning"), (Split.TIME, "information")])
def test_an_outcome_that_moves_with_time_asks_for_a_split_by_time(split: Split, severity: str) -> None:
    frame = FRAUD.sample(6_000, seed=1)
    frame["is_fraud"] = (np.random.default_rng(0).random(6_000) < np.linspace(0.05, 0.3, 6_000)).astype(int)
    cases = cases_of(replace(FRAUD, split=split), frame)
    (finding,) = found(cases, "time")
    assert (finding["column"], finding["severity"]) == ("tx_datetime", severity)
    # Rows and transaction ids stand in the order of time: said once is enough.
    assert not found(cases, "row_order")
    assert not [item for item in found(cases, "id") if item["column"] == "transaction_id"]


def test_an_id_whose_order_predicts_is_named() -> None:
    frame = FRAUD.sample(4_000, seed=1).sample(frac=1, random_state=0)
    frame["is_fraud"] = (np.random.default_rng(0).random(4_000) < 0.2).astype(int)
    frame["transaction_id"] = frame["is_fraud"] * 1_000 + np.arange(4_000)
    (finding,) = found(cases_of(replace(FRAUD, split=Split.STRATIFIED), frame), "id")
    assert finding["column"] == "transaction_id"
    assert finding["text"].endswith("an id must not be an input")


def test_an_id_that_repeats_with_its_outcome_asks_for_a_split_by_group() -> None:
    frame, rng = FRAUD.sample(4_000, seed=1), np.random.default_rng(0)
    customer = rng.integers(0, 200, 4_000)
    frame["customer_id"] = [f"C{number}" for number in customer]
    frame["is_fraud"] = (rng.random(4_000) < np.where(customer < 40, 0.6, 0.05)).astype(int)
    shuffled = frame.sample(frac=1, random_state=0)
    (finding,) = found(cases_of(replace(FRAUD, split=Split.STRATIFIED), shuffled), "group")
    assert finding["column"] == "customer_id"
    assert "keep them on one side, with a split by customer_id" in finding["text"]
    by_customer = replace(FRAUD, split=Split.GROUPED, group="customer_id")
    assert not found(cases_of(by_customer, shuffled), "group")


def test_duplicates_are_counted_with_torn_twins_and_none_across_the_split() -> None:
    frame = german(600)
    twins = frame.iloc[:50].copy()
    twins.loc[twins.index[:5], "Risk"] = np.where(twins["Risk"].iloc[:5] == "bad", "good", "bad")
    (finding,) = found(cases_of(GERMAN, pd.concat([frame, twins], ignore_index=True)), "duplicates")
    assert finding["figure"] == 50
    assert finding["text"] == (
        "cases that repeat another one in all but ids and times: 50; cases with a twin of the other outcome: 10; "
        "untouched cases with a twin among the others: 0"
    )


def test_the_report_is_json_and_repeats() -> None:
    cases = cases_of(FRAUD, TEN_ROWS)
    assert json.loads(json.dumps(leakage_report(cases, 0), allow_nan=False)) == leakage_report(cases, 0)


def test_a_column_of_chance_tells_nothing_alone() -> None:
    rng = np.random.default_rng(0)
    outcomes = (rng.random(3_000) < 0.2).astype(np.int8)
    rows = np.arange(3_000)
    folds = [Fold(rows[rows % 5 != part], rows[rows % 5 == part]) for part in range(5)]
    assert alone(rng.normal(size=3_000), 0, outcomes, folds) == pytest.approx(0.5, abs=0.04)
    levels = rng.integers(0, 30, 3_000).astype(float)
    assert alone(levels, 30, outcomes, folds) == pytest.approx(0.5, abs=0.04)


def test_no_fold_with_both_outcomes_is_no_figure() -> None:
    outcomes = np.array([0, 1, 0, 0], dtype=np.int8)
    assert alone(np.arange(4.0), 0, outcomes, [Fold(np.array([0, 1]), np.array([2, 3]))]) is None


def test_the_real_credit_file_is_known_for_its_order_its_duplicates_and_its_grade(real_data: Path) -> None:
    case = replace(CREDIT, known_after_decision=("loan_grade", "loan_int_rate"))
    cases = read_cases(case, real_data / "credit_risk_dataset.csv")
    findings = leakage_report(cases, 0)
    assert [item["kind"] for item in findings] == [
        "known_after_decision",
        "known_after_decision",
        "level",
        "nulls",
        "row_order",
        "duplicates",
    ]
    assert "36.3% bad" in findings[4]["text"]
    assert findings[5]["figure"] == 107
    assert make_folds(cases, np.arange(cases.rows), 0)


def test_the_real_example_of_ten_rows_is_flagged_in_every_column(real_data: Path) -> None:
    cases = read_cases(FRAUD, real_data / "transactions_seed.csv")
    assert [item["column"] for item in found(cases, "separates")] == list(TEN_ROWS.columns[1:])
