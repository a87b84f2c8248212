"""The five systems that Aval succeeds: their requests get a decision, and what was wrong with each is not here."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.processes import Home, post, web
from tests.service.conftest import FAULTY_INCOME, Alone
from tests.service.old_requests import (
    BODIES,
    CARD,
    CREDIT,
    FRAUD,
    LITERAL_CREDIT,
    LOAN,
    Scorers,
    Served,
    decision,
    probability,
    probability_in_training,
)
from tests.service.records import Record, problem, records, refused, refused_field
from training.use_cases import use_cases

NAMES = sorted(use_cases())


# Their requests


@pytest.mark.parametrize("use_case", NAMES)
def test_the_request_of_the_old_system_gets_a_decision(served: Served, use_case: str) -> None:
    answered = decision(post(f"{served(use_case)}/predict", BODIES[use_case]))
    assert answered["decision"] in {"approve", "refer", "decline"}
    assert answered["use_case"] == use_case


def test_the_old_card_request_gets_a_decision_at_its_old_path(served: Served) -> None:
    answered = decision(post(f"{served('card_default')}/default_payment_prediction", CARD))
    assert answered["probability"] == probability(served("card_default"), CARD)


def test_the_literal_old_credit_request_is_refused_for_its_123_years_of_employment(served: Served) -> None:
    error = refused_field(post(f"{served('credit_risk')}/predict", LITERAL_CREDIT))
    assert error["field"] == "person_emp_length"
    assert error["message"] == (
        "person_emp_length=123 years is out of range; it must be a number from 0 to 70 years (or null)"
    )


# Bank fraud


def test_fraud_features_are_taken_by_name_and_not_by_their_order(served: Served) -> None:
    url = served("fraud_transactions")
    turned = dict(reversed(FRAUD.items()))
    assert list(turned) != list(FRAUD)
    assert probability(url, turned) == probability(url, FRAUD)


def test_fraud_values_under_other_names_are_another_record(served: Served) -> None:
    url = served("fraud_transactions")
    exchanged = {**FRAUD, "amount": FRAUD["time_since_last_transaction"]}
    exchanged["time_since_last_transaction"] = FRAUD["amount"]
    assert probability(url, exchanged) != probability(url, FRAUD)


def test_fraud_features_without_their_names_are_refused(served: Served) -> None:
    body = {"feature1": 250.0, "feature2": 1.5, "feature3": 0.4}
    errors = refused(post(f"{served('fraud_transactions')}/predict", body))
    assert {error["field"] for error in errors} == {*FRAUD, *body}


def test_fraud_input_is_validated(served: Served) -> None:
    body = {"amount": "250", "time_since_last_transaction": -1, "risk_score": 1.01}
    errors = refused(post(f"{served('fraud_transactions')}/predict", body))
    assert [(error["field"], error["code"]) for error in errors] == [
        ("amount", "type"),
        ("time_since_last_transaction", "range"),
        ("risk_score", "range"),
    ]


def test_a_fraud_answer_is_a_probability_with_its_policy_and_not_a_bare_class(served: Served) -> None:
    answered = decision(post(f"{served('fraud_transactions')}/predict", FRAUD))
    assert 0 < answered["probability"] < 1
    assert answered["policy"]
    assert "fraud_prediction" not in answered


def test_fraud_scaling_and_model_are_one_version(served: Served, quick_scorer: Scorers) -> None:
    # They were two files, of which either could be exchanged.
    for kind in ("logistic_regression", "catboost_smooth"):
        scorer = quick_scorer("fraud_transactions", kind)
        assert scorer.score(FRAUD).probability == probability_in_training(scorer, FRAUD)
    answered = decision(post(f"{served('fraud_transactions')}/predict", FRAUD))
    assert answered["model"] == quick_scorer("fraud_transactions").tag


# Loan approval


@pytest.mark.parametrize("kind", ["logistic_regression", "catboost_smooth"])
def test_loan_records_are_scored_in_the_units_of_training(
    served: Served, quick_scorer: Scorers, kind: str
) -> None:
    # Its scaler was not stored: whoever loaded the model gave it raw values, and it said 1 to everybody.
    scorer = quick_scorer("loan_approval", kind)
    rows = records("loan_approval")
    trained = scorer.score_table(pa.Table.from_pylist(rows)).probabilities
    assert [scorer.score(row).probability for row in rows] == trained.tolist()
    assert trained.min() < 0.05
    assert trained.max() > 0.5
    if kind == "catboost_smooth":
        answered = post(f"{served('loan_approval')}/predict_bulk", {"records": rows}).json()["results"]
        assert [result["probability"] for result in answered] == trained.tolist()


def test_a_loan_with_a_better_score_is_no_worse_a_risk(served: Served) -> None:
    # 1 was the good outcome there; here the probability is always that of the bad one.
    url = served("loan_approval")
    poor = {**LOAN, "income": 20000, "credit_score": 400, "loan_amount": 20000}
    fine = {**LOAN, "income": 90000, "credit_score": 820, "loan_amount": 3000}
    assert probability(url, fine) < 0.1 < probability(url, poor)


# Card default


@pytest.mark.parametrize("path", ["/predict", "/default_payment_prediction"])
def test_an_empty_card_record_gets_no_confident_answer(served: Served, path: str) -> None:
    errors = refused(post(served("card_default") + path, {}))
    assert {error["field"] for error in errors} == set(CARD) - {"SEX", "MARRIAGE", "AGE"}


def test_a_misspelt_card_field_gets_no_confident_answer(served: Served) -> None:
    misspelt = {("PAY_1" if name == "PAY_0" else name): value for name, value in CARD.items()}
    errors = refused(post(f"{served('card_default')}/default_payment_prediction", misspelt))
    assert [(error["field"], error["code"]) for error in errors] == [
        ("PAY_0", "missing"),
        ("PAY_1", "unknown"),
    ]


def test_an_unknown_card_field_is_not_passed_over(served: Served) -> None:
    error = refused_field(post(f"{served('card_default')}/default_payment_prediction", {**CARD, "PAY_7": 0}))
    assert error["field"] == "PAY_7"


@pytest.mark.parametrize(
    "real",
    [
        {"PAY_0": -2, "PAY_2": -2, "PAY_6": -2},
        {"PAY_0": 0, "PAY_3": 0},
        {"PAY_0": 8},
        {"BILL_AMT1": -339603, "BILL_AMT6": -1},
        {"EDUCATION": 0},
        {"EDUCATION": 5},
        {"EDUCATION": 6},
        {"MARRIAGE": 0},
        {"PAY_AMT1": 1684259},
    ],
    ids=str,
)
def test_card_values_of_the_real_data_are_taken(served: Served, quick_scorer: Scorers, real: Record) -> None:
    record = {**CARD, **real}
    expected = quick_scorer("card_default").score(record).probability
    assert probability(served("card_default"), record) == expected


@pytest.mark.parametrize("number", [0, 1, 29999, None])
def test_the_card_row_number_changes_nothing(served: Served, number: int | None) -> None:
    url = served("card_default")
    assert probability(url, {"ID": number, **CARD}) == probability(url, CARD)


def test_card_levels_are_codes_and_not_amounts(quick_scorer: Scorers) -> None:
    scorer = quick_scorer("card_default", "logistic_regression")
    scores = [scorer.score({**CARD, "EDUCATION": code}).probability for code in range(7)]
    steps = np.diff(np.log(np.array(scores) / (1 - np.array(scores))))
    assert steps.min() < 0 < steps.max()


# All of them


@pytest.mark.parametrize("use_case", NAMES)
def test_every_answer_names_its_model(served: Served, quick_scorer: Scorers, use_case: str) -> None:
    answered = decision(post(f"{served(use_case)}/predict", BODIES[use_case]))
    assert answered["model"] == quick_scorer(use_case).tag


@pytest.mark.parametrize("use_case", NAMES)
def test_there_is_a_probability_a_bulk_a_health_check_and_metrics(served: Served, use_case: str) -> None:
    url = served(use_case)
    bulk = post(f"{url}/predict_bulk", {"records": [BODIES[use_case]]}).json()["results"]
    assert bulk[0]["probability"] == probability(url, BODIES[use_case])
    for path in ("/livez", "/readyz", "/metrics"):
        assert web.get(url + path).status_code == 200


@pytest.mark.parametrize("use_case", NAMES)
def test_other_sites_may_not_call(served: Served, use_case: str) -> None:
    url, origin = f"{served(use_case)}/predict", {"Origin": "https://elsewhere.example"}
    preflight = web.options(url, headers={**origin, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 405
    for answer in (preflight, post(url, BODIES[use_case], origin), web.get(f"{served(use_case)}/schema")):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("use_case", NAMES)
def test_no_debugger_answers(served: Served, use_case: str) -> None:
    url = served(use_case)
    for path in ("/console", "/debug", "/?__debugger__=yes&cmd=resource&f=style.css", "/docs/../console"):
        answer = web.get(url + path)
        assert "debugger" not in answer.text.lower()
        assert answer.status_code == (200 if path.startswith("/?") else 404)


def test_a_fault_shows_no_debugger(alone: Alone) -> None:
    answer = post(f"{alone.url}/predict", {**CREDIT, "person_income": FAULTY_INCOME}, {"Accept": "text/html"})
    problem(answer, 500)
    assert "<html" not in answer.text


def test_the_store_holds_no_pickle(served: Served, quick_home: Callable[[str], Home]) -> None:
    for use_case in NAMES:
        served(use_case)
    files = [path for path in (quick_home(NAMES[0]).bentoml_home / "models").rglob("*") if path.is_file()]
    assert {path.parent.parent.name for path in files} >= set(NAMES)
    assert [path for path in files if not is_plain(path)] == []


def read_description(file: Path) -> None:
    for line in file.read_text("utf-8").splitlines():
        if not re.fullmatch(r" *[a-z_]+: ?[^!]*", line):
            raise ValueError(line)


def is_plain(path: Path) -> bool:
    """Return whether a file is what its name says, of the kinds that cannot run code."""
    readers: dict[str, Callable[[Path], object]] = {
        ".npy": lambda file: np.load(file, allow_pickle=False),
        ".json": lambda file: json.loads(file.read_text("utf-8")),
        # BentoML's description, and its note of the newest version.
        ".yaml": read_description,
        "": lambda file: (file.parent / file.read_text("utf-8") / "manifest.json").read_bytes(),
    }
    try:
        readers[path.suffix](path)
    except (KeyError, ValueError, OSError):
        return False
    return True


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.json", "nodes.npy", "x.yaml", "latest"])
@pytest.mark.parametrize("protocol", [0, 4])
def test_the_search_for_pickles_would_find_one(tmp_path: Path, name: str, protocol: int) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(["anything", 1], protocol))
    assert not is_plain(tmp_path / name)
