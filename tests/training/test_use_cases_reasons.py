from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, Contract, Derived
from service.scoring.explanation import explain
from service.scoring.policy import Policy
from service.scoring.reasons import ReasonText
from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer
from training.data import generate_cases, read_cases
from training.use_case import UseCase
from training.use_cases import use_cases

CASES = use_cases()
FILES = {
    "fraud_transactions": "fraud_transactions.csv.gz",
    "german_credit": "german_credit_data.csv",
    "credit_risk": "credit_risk_dataset.csv",
    "card_default": "lending_data.csv",
}
LANGUAGES = {
    "fraud_transactions": "es",
    "loan_approval": "es",
    "german_credit": "es",
    "credit_risk": "es",
    "card_default": "pt",
}
# What an applicant could bring differently to the next application; the rest is past, or somebody else's decision.
CHANGEABLE = {
    "fraud_transactions": ["amount"],
    "loan_approval": ["income", "loan_amount", "credit_score"],
    "german_credit": ["Saving accounts", "Checking account", "Credit amount", "Duration"],
    "credit_risk": ["person_income", "loan_amnt"],
    "card_default": ["PAY_0", "BILL_AMT1", "PAY_AMT1"],
}
MOST_CORRELATED = 0.8
STRICT = Policy("strict", 0.0, 0.0)

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def records_of(case: UseCase, rows: int, seed: int = 5) -> list[dict[str, Any]]:
    table = generate_cases(case, rows, seed=seed).table
    records: list[dict[str, Any]] = table.drop_columns([case.contract.outcome.name]).to_pylist()
    return records


def told_apart(case: UseCase, matrix: FloatArray) -> list[tuple[str, str]]:
    """Return the pairs of inputs with different codes that go up and down together."""
    ranks = pd.DataFrame(matrix).rank().to_numpy()
    pairs = []
    for (i, one), (j, other) in combinations(enumerate(case.contract.inputs), 2):
        known = ~np.isnan(matrix[:, i]) & ~np.isnan(matrix[:, j])
        if case.reasons[one].code == case.reasons[other].code or not known.any():
            continue
        a, b = ranks[known, i], ranks[known, j]
        if a.std() and b.std() and abs(np.corrcoef(a, b)[0, 1]) > MOST_CORRELATED:
            pairs.append((one, other))
    return pairs


@each_case
def test_inputs_that_go_up_and_down_together_share_a_code(case: UseCase) -> None:
    assert told_apart(case, generate_cases(case, 5_000, seed=5).matrix) == []


@pytest.mark.parametrize("name", FILES)
def test_inputs_that_go_up_and_down_together_in_the_real_data_share_a_code(
    name: str, real_data: Path
) -> None:
    assert told_apart(CASES[name], read_cases(CASES[name], real_data / FILES[name]).matrix) == []


@each_case
def test_a_code_has_one_text_and_a_text_one_code(case: UseCase) -> None:
    texts = set(case.reasons.values())
    for of_text in ("code", "text", "local"):
        assert len({getattr(text, of_text) for text in texts}) == len(texts)


@each_case
def test_every_text_is_in_the_use_cases_language_too(case: UseCase) -> None:
    assert case.language == LANGUAGES[case.name]
    described: list[Column | Derived] = [*case.contract.columns, *case.contract.derived]
    for item in described:
        assert item.title
        assert item.local_title
        assert item.local_description != item.description or not item.description
    for reason in case.reasons.values():
        assert reason.local != reason.text


@each_case
def test_the_schema_has_what_a_form_needs_in_both_languages(case: UseCase) -> None:
    schema, language = json_schema(case.contract), case.language
    assert schema["x-languages"] == ["en", language]
    for column in case.contract.columns:
        field = schema["properties"][column.name]
        assert {"title", "description", f"x-title-{language}", f"x-description-{language}"} <= set(field)
        assert ("x-unit" in field) == (f"x-unit-{language}" in field) == bool(column.unit)
        assert field["examples"] == [column.example]
        titled = column.levels and column.name != "loan_grade"
        assert ("x-level-titles" in field) == (f"x-level-titles-{language}" in field) == bool(titled)
    for name in (item.name for item in case.contract.derived):
        assert {"title", f"x-title-{language}", "description"} <= set(schema["x-derived"][name])


def test_a_use_case_of_another_language_without_a_reason_in_it_is_refused() -> None:
    case = CASES["loan_approval"]
    reasons = {**case.reasons, "income": ReasonText("INCOME", "Yearly income")}
    with pytest.raises(ValueError, match="loan_approval: the reason INCOME of income has no text in 'es'"):
        replace(case, reasons=reasons)


def test_a_use_case_in_english_needs_no_second_text_and_may_not_have_one() -> None:
    case = CASES["loan_approval"]
    texts = {"local_title": "", "local_description": "", "local_unit": ""}
    columns = [column.model_dump() | texts for column in case.contract.columns]
    changes = {"language": "en", "local_title": "", "local_description": "", "columns": columns}
    contract = Contract.model_validate(case.contract.model_dump() | changes)
    reasons = {name: replace(text, local="") for name, text in case.reasons.items()}
    assert replace(case, contract=contract, reasons=reasons).language == "en"
    with pytest.raises(ValueError, match="has a second text, 'Ingreso anual'"):
        replace(case, contract=contract)


@each_case
def test_what_can_be_changed_is_declared(case: UseCase) -> None:
    changeable = [
        column.name for column in case.contract.features if column.changeable and not column.follows
    ]
    assert changeable == CHANGEABLE[case.name]


def test_the_declared_share_of_income_follows_amount_and_income() -> None:
    follows = {name: case.contract.by_name for name, case in CASES.items()}
    assert follows["credit_risk"]["loan_percent_income"].follows == ("loan_amnt", "person_income")
    stated = [c.name for case in CASES.values() for c in case.contract.features if c.follows]
    assert stated == ["loan_percent_income"]


@each_case
def test_no_reason_is_protected_or_missing(case: UseCase, quick_scorer: Callable[..., Scorer]) -> None:
    scorer, inputs = quick_scorer(case.name), case.contract.inputs
    required = {column.name for column in case.contract.columns if column.must_be_present}
    for record in records_of(case, 200):
        least = {name: value for name, value in record.items() if name in required}
        row = scorer.encoder.encode_record(scorer.validator.check_record(least))
        missing = {name for name, x in zip(inputs, row, strict=True) if math.isnan(x)}
        missing |= {name for name in least if least[name] in (None, "NA")}
        reasons = scorer.score(least, STRICT).reasons
        assert {reason.feature for reason in reasons} <= set(inputs) - missing
        assert len(reasons) <= 4


@each_case
def test_whoever_is_refused_is_told_a_reason(case: UseCase, quick_scorer: Callable[..., Scorer]) -> None:
    scorer = quick_scorer(case.name)
    answers = [scorer.score(record) for record in records_of(case, 2_000)]
    refused = [answer for answer in answers if answer.decision != "approve"]
    assert len(refused) > 10
    assert all(answer.reasons for answer in refused)


@pytest.mark.parametrize("kind", ["catboost_smooth", "logistic_regression"])
def test_typical_values_in_the_order_of_contributions_lower_the_risk_faster_than_in_random_order(
    quick_scorer: Callable[..., Scorer], kind: str
) -> None:
    """The deletion test: the area under the log-odds while the record's values give way to typical ones."""
    scorer, case = quick_scorer("credit_risk", kind), CASES["credit_risk"]
    random, areas = np.random.default_rng(0), []
    refused = [record for record in records_of(case, 600) if scorer.score(record).reasons]
    for record in refused[:60]:
        row = scorer.encoder.encode_record(scorer.validator.check_record(record))
        told = {item.feature: item.contribution for item in explain(scorer, record).contributions}
        order = sorted(range(len(row)), key=lambda i: -told[case.contract.inputs[i]])
        by_chance = [_area(scorer, row, random.permutation(len(row)).tolist()) for _ in range(8)]
        areas.append((_area(scorer, row, order), np.mean(by_chance), _area(scorer, row, order[::-1])))
    ours, chance, reversed_order = np.array(areas).T
    assert len(areas) == 60
    assert (ours < chance).mean() > 0.95
    assert ours.mean() < chance.mean() - 0.5
    assert reversed_order.mean() > chance.mean()


def _area(scorer: Scorer, row: Sequence[float], order: list[int]) -> float:
    """Return the mean of the log-odds while inputs become typical in this order."""
    reference, now = scorer.profile.reference(), list(row)
    log_odds = []
    for i in order:
        now[i] = reference[i]
        log_odds.append(scorer.calibrator.log_odds(scorer.predictor.score_one(now)))
    return float(np.mean(log_odds))
