from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from service.scoring.contract import ColumnType
from service.scoring.encoder import Encoder
from service.scoring.policy import policy_from_costs
from service.scoring.validation import CheckedTable, RecordInvalid, Validator
from training.gates import GATES, blocking
from training.gates.documents import documents_gate
from training.gates.figures import figure_gates
from training.gates.result import with_declared_severity
from training.train import Trained
from training.use_case import FairnessProfile, Role, UseCase
from training.use_cases import use_cases
from training.use_cases.loan_approval import draw

CASES = use_cases()
FILES = {
    "fraud_transactions": "fraud_transactions.csv.gz",
    "german_credit": "german_credit_data.csv",
    "credit_risk": "credit_risk_dataset.csv",
    "card_default": "lending_data.csv",
}
ROWS = {"fraud_transactions": 119_877, "german_credit": 800, "credit_risk": 26_064, "card_default": 24_000}
IMPOSSIBLE = {
    "credit_risk": {
        152: "person_age=144 years is out of range",
        176: "person_emp_length=123 years is out of range",
        468: "person_age=123 years is out of range",
        603: "person_age=123 years is out of range",
        25_849: "person_age=144 years is out of range",
    }
}
# Share of bad rows in the real data, and how far generated ones may be from it.
BASE_RATES = {
    "fraud_transactions": (0.0084, 0.003),
    "loan_approval": (0.074, 0.03),
    "german_credit": (0.30, 0.03),
    "credit_risk": (0.218, 0.03),
    "card_default": (0.221, 0.02),
}
OLD_BODIES: dict[str, dict[str, Any]] = {
    "fraud_transactions": {"amount": 150.0, "time_since_last_transaction": 24, "risk_score": 0.2},
    "german_credit": {
        "Age": 35,
        "Sex": "male",
        "Job": 2,
        "Housing": "own",
        "Saving accounts": "little",
        "Checking account": "moderate",
        "Credit amount": 5000,
        "Duration": 24,
        "Purpose": "car",
    },
    "credit_risk": {
        "person_age": 22,
        "person_income": 59000,
        "person_home_ownership": "RENT",
        "person_emp_length": 3,
        "loan_intent": "PERSONAL",
        "loan_grade": "D",
        "loan_amnt": 3500,
        "loan_int_rate": 16.2,
        "loan_percent_income": 0.06,
        "cb_person_default_on_file": "Y",
        "cb_person_cred_hist_length": 3,
    },
    "card_default": {
        "LIMIT_BAL": 20000.0,
        "SEX": 2,
        "EDUCATION": 2,
        "MARRIAGE": 1,
        "AGE": 24,
        **dict.fromkeys(["PAY_0", "PAY_2"], 2),
        **dict.fromkeys(["PAY_3", "PAY_4"], -1),
        **dict.fromkeys(["PAY_5", "PAY_6"], -2),
        **{f"BILL_AMT{n}": 3000.0 for n in range(1, 7)},
        **{f"PAY_AMT{n}": 0.0 for n in range(1, 7)},
    },
}

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_file = pytest.mark.parametrize("name", FILES)


def test_the_five_built_in_use_cases_are_found_by_name() -> None:
    assert set(CASES) == set(BASE_RATES)


@each_file
def test_every_real_row_is_accepted_but_the_known_impossible_ones(name: str, real_data: Path) -> None:
    checked = _check(name, _read_text(real_data / FILES[name]))
    refused = {row: [item.message for item in found] for row, found in checked.findings().items()}
    expected = IMPOSSIBLE.get(name, {})
    assert checked.rows == ROWS[name]
    assert refused.keys() == expected.keys()
    for row, start in expected.items():
        assert [message.startswith(start) for message in refused[row]] == [True]


def test_the_oldest_possible_and_the_youngest_borrowers_are_accepted(real_data: Path) -> None:
    ages = _check("credit_risk", _read_text(real_data / FILES["credit_risk"]))
    accepted = ages.values["person_age"][ages.valid]
    assert (accepted.min(), accepted.max()) == (20, 94)


@each_file
def test_every_value_of_the_real_outcome_is_declared(name: str, real_data: Path) -> None:
    outcome = CASES[name].contract.outcome
    seen = _read_text(real_data / FILES[name])[outcome.name].unique().to_pylist()
    assert set(seen) == {str(level) for level in outcome.bad + outcome.good}


@each_file
def test_levels_are_those_of_the_real_data(name: str, real_data: Path) -> None:
    table = _read_text(real_data / FILES[name])
    for column in CASES[name].contract.columns:
        if column.type is ColumnType.CATEGORY:
            assert set(table[column.name].unique().to_pylist()) == {str(level) for level in column.levels}


def test_the_ten_rows_of_the_first_fraud_system_are_accepted(real_data: Path) -> None:
    checked = _check("fraud_transactions", _read_text(real_data / "transactions_seed.csv"))
    assert checked.valid.tolist() == [True] * 10


@each_case
def test_every_generated_row_is_valid_in_memory_and_as_a_file(case: UseCase, tmp_path: Path) -> None:
    table = case.sample(5000, seed=1)
    table.to_csv(tmp_path / "sample.csv", index=False)
    as_table = _check(case.name, pa.Table.from_pandas(table, preserve_index=False), text=False)
    as_file = _check(case.name, _read_text(tmp_path / "sample.csv"))
    assert as_table.findings() == {}
    assert as_file.findings() == {}
    for name, values in as_table.values.items():
        assert np.array_equal(values, as_file.values[name], equal_nan=True)


@each_case
def test_generated_records_have_the_columns_of_the_contract_in_order_and_the_outcome(case: UseCase) -> None:
    names = [column.name for column in case.contract.columns]
    assert list(case.sample(10)) == [*names, case.contract.outcome.name]


@each_case
def test_generated_base_rate_is_near_the_real_one(case: UseCase) -> None:
    expected, tolerance = BASE_RATES[case.name]
    assert _bad_share(case, case.sample(20_000, seed=3)) == pytest.approx(expected, abs=tolerance)


@each_case
def test_generated_nulls_stand_only_where_the_contract_allows_them(case: UseCase) -> None:
    table = case.sample(20_000, seed=4)
    with_nulls = {str(name) for name in table.columns[table.isna().any()]}
    declared = {column.name for column in case.contract.columns if column.nullable}
    assert with_nulls <= declared


@each_case
def test_every_level_occurs_among_many_generated_records(case: UseCase) -> None:
    table = case.sample(50_000, seed=5)
    for column in case.contract.columns:
        if column.type is ColumnType.CATEGORY:
            assert set(table[column.name].unique()) == set(column.levels)


@each_case
def test_the_same_seed_gives_the_same_rows_and_another_seed_others(case: UseCase) -> None:
    pd.testing.assert_frame_equal(case.sample(200, seed=7), case.sample(200, seed=7))
    assert not case.sample(200, seed=7).equals(case.sample(200, seed=8))


@each_case
@pytest.mark.parametrize("rows", [1, 2, 37])
def test_few_rows_can_be_generated(case: UseCase, rows: int) -> None:
    table = case.sample(rows)
    assert len(table) == rows
    assert _check(case.name, pa.Table.from_pandas(table, preserve_index=False), text=False).valid.all()


@each_case
def test_twenty_thousand_rows_are_generated_in_two_seconds(case: UseCase) -> None:
    began = time.perf_counter()
    case.sample(20_000)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("name", OLD_BODIES)
def test_the_request_body_of_the_old_system_is_accepted(name: str) -> None:
    validator = Validator(CASES[name].contract)
    values = validator.check_record(OLD_BODIES[name])
    assert len(Encoder(validator.contract).encode_record(values)) == len(validator.contract.inputs)


@each_case
def test_the_examples_of_the_columns_make_a_valid_record(case: UseCase) -> None:
    record = {column.name: column.example for column in case.contract.columns}
    assert None not in record.values()
    assert Validator(case.contract).check_record(record)


def test_the_documented_credit_example_is_refused_for_its_123_years_of_employment() -> None:
    literal = {"person_income": 59, "loan_amnt": 35, "person_emp_length": 123}
    body = OLD_BODIES["credit_risk"] | literal | {"loan_percent_income": 0.59}
    with pytest.raises(RecordInvalid) as refused:
        Validator(CASES["credit_risk"].contract).check_record(body)
    assert [item.field for item in refused.value.findings] == ["person_emp_length"]
    assert str(refused.value).startswith("person_emp_length=123 years is out of range")


@pytest.mark.parametrize("column", ["Saving accounts", "Checking account"])
def test_na_null_and_an_empty_cell_are_one_level(column: str) -> None:
    validator = Validator(CASES["german_credit"].contract)
    text, null = (
        validator.check_record(OLD_BODIES["german_credit"] | {column: value}) for value in ("NA", None)
    )
    cells = {name: [str(value)] * 2 for name, value in OLD_BODIES["german_credit"].items()}
    table = validator.check_table(pa.table(cells | {column: ["NA", None]}), text=True)
    assert text[column] == null[column] == table.values[column][0] == table.values[column][1]


def test_the_row_number_of_german_credit_may_be_called_unnamed_and_is_not_looked_at() -> None:
    validator = Validator(CASES["german_credit"].contract)
    values = validator.check_record(OLD_BODIES["german_credit"] | {"Unnamed: 0": 7})
    assert values == validator.check_record(OLD_BODIES["german_credit"])


@each_case
def test_protected_attributes_are_no_inputs(case: UseCase) -> None:
    protected = {"person_age", "age", "Age", "Sex", "SEX", "MARRIAGE", "AGE"}
    assert protected.isdisjoint(case.contract.inputs)
    assert all(protected.isdisjoint(item.of) for item in case.contract.derived)


@each_case
def test_the_costs_leave_a_band_to_refer(case: UseCase) -> None:
    policy = policy_from_costs(case.costs)
    assert 0 < policy.refer_from < policy.decline_from < 1


def test_the_card_costs_make_a_quarter_the_cut_off_without_a_review() -> None:
    costs = CASES["card_default"].costs
    assert costs.false_decline / (costs.false_decline + costs.false_approve) == 0.25


@each_case
def test_every_reason_has_a_code_in_capitals_and_one_text_per_input(case: UseCase) -> None:
    assert set(case.reasons) == set(case.contract.inputs)
    for reason in case.reasons.values():
        assert reason.code.replace("_", "").isalnum()
        assert reason.code.isupper()
        assert reason.text


@each_case
def test_every_column_is_described_and_every_number_but_a_fraction_has_a_unit(case: UseCase) -> None:
    for column in case.contract.columns:
        assert column.description
        assert bool(column.unit) == (column.is_numeric and column.name != "risk_score")


@each_case
def test_nothing_is_missing_from_the_documentation(case: UseCase) -> None:
    result = documents_gate({"about": vars(case.about)}, case.contract, case.reasons)
    assert result.observed == "nothing is missing"
    for texts in (case.about.stakeholders, case.about.success, case.about.limits):
        assert len(texts) >= 3
        assert len(set(texts)) == len(texts)


@each_case
def test_what_a_model_must_reach_is_declared_and_its_codes_are_gates(case: UseCase) -> None:
    needed = case.requirements
    bounds = (needed.least_roc_auc, needed.least_pr_auc, needed.most_brier, needed.most_cost_per_case)
    assert None not in bounds
    assert set(needed.only_warn) <= set(GATES)


@each_case
def test_a_small_model_of_generated_records_reaches_what_is_declared(
    case: UseCase, quick: Callable[..., Trained]
) -> None:
    evidence = quick(case.name).scorer.evidence
    results = figure_gates(case.requirements, evidence, case.costs)
    failed = blocking(with_declared_severity(results, case.requirements))
    assert [(result.code, result.observed, result.required) for result in failed] == []


def test_the_first_fraud_systems_goals_are_gates_that_only_warn() -> None:
    needed = CASES["fraud_transactions"].requirements
    assert (needed.least_precision, needed.least_recall) == (0.95, 0.90)
    assert needed.only_warn == ("G-PRECISION", "G-RECALL")


@each_case
def test_where_there_are_protected_columns_a_profile_judges_the_groups(case: UseCase) -> None:
    judged = case.fairness in (FairnessProfile.EU, FairnessProfile.US)
    assert judged == bool(case.contract.of_role(Role.PROTECTED))


def test_the_lenders_own_grade_and_rate_are_known_only_after_the_decision() -> None:
    declared = {name: case.known_after_decision for name, case in CASES.items() if case.known_after_decision}
    assert declared == {"credit_risk": ("loan_grade", "loan_int_rate")}


def test_loan_approval_keeps_the_original_rows_wherever_they_were_possible() -> None:
    original = np.random.RandomState(42)
    income, age = original.normal(50000, 15000, 1000), original.randint(18, 70, 1000)
    years, amount = original.randint(0, 20, 1000), original.normal(10000, 5000, 1000)
    score = original.normal(700, 100, 1000)
    drawn = draw(np.random.RandomState(42), 1000)
    possible = (amount >= 1) & (score <= 850) & (score >= 300) & (years <= age - 16)
    assert 700 < possible.sum() < 900
    for name, values in {"income": income, "age": age, "employment_length": years}.items():
        assert np.array_equal(drawn[name][possible], values[possible])
    for name, values in {"loan_amount": amount, "credit_score": score}.items():
        assert np.array_equal(drawn[name][possible], values[possible])


def test_fraud_looks_back_only_and_in_order_of_time() -> None:
    table = CASES["fraud_transactions"].sample(3000, seed=2)
    times = pd.to_datetime(table["tx_datetime"])
    seconds = pd.Series(times.to_numpy("datetime64[s]").astype(np.int64))
    hours = seconds.groupby(table["customer_id"]).diff() / 3600
    known = hours.notna()
    assert times.is_monotonic_increasing
    assert 68 <= (times.iloc[-1] - times.iloc[0]).days <= 70
    assert table["transaction_id"].is_unique
    assert np.allclose(hours[known], table["time_since_last_transaction"][known], atol=1e-3)


def _read_text(path: Path) -> pa.Table:
    """Read a CSV file with every cell as text and empty cells as null."""
    names = pa.csv.open_csv(path).schema.names
    options = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    return pa.csv.read_csv(path, convert_options=options)


def _check(name: str, table: pa.Table, *, text: bool = True) -> CheckedTable:
    return Validator(CASES[name].contract).check_table(table, text=text)


def _bad_share(case: UseCase, table: pd.DataFrame) -> float:
    outcome = case.contract.outcome
    return float(table[outcome.name].isin(outcome.bad).mean())
