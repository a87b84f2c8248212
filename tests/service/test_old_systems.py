"""The five systems that Aval succeeds: their requests get a decision, and what was wrong with each is not here."""

from __future__ import annotations

import json
import pickle
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from service.model_store import champion, load_scorer
from service.scoring.scorer import Scorer
from tests.processes import Home, post
from tests.service.conftest import FAULTY_INCOME, SECRET, Alone
from tests.service.records import Record, problem, records, refused, refused_field, shuffled
from training.use_cases import use_cases

Served = Callable[[str], str]
Scorers = Callable[..., Scorer]
NAMES = sorted(use_cases())

FRAUD = {"amount": 250.0, "time_since_last_transaction": 1.5, "risk_score": 0.4}
LOAN = {"income": 50000, "age": 35, "employment_length": 5, "loan_amount": 10000, "credit_score": 700}
GERMAN = {
    "Age": 22,
    "Sex": "female",
    "Job": 2,
    "Housing": "own",
    "Saving accounts": "little",
    "Checking account": "moderate",
    "Credit amount": 5951,
    "Duration": 48,
    "Purpose": "radio/TV",
}
# As its documentation had it: "in thousands", and 123 years of employment for somebody of 22.
LITERAL_CREDIT = {
    "person_age": 22,
    "person_income": 59,
    "person_home_ownership": "RENT",
    "person_emp_length": 123,
    "loan_intent": "PERSONAL",
    "loan_grade": "D",
    "loan_amnt": 35,
    "loan_int_rate": 16.02,
    "loan_percent_income": 0.59,
    "cb_person_default_on_file": "Y",
    "cb_person_cred_hist_length": 3,
}
CREDIT = {**LITERAL_CREDIT, "person_income": 59000, "loan_amnt": 35000, "person_emp_length": 3}
CARD = {
    "LIMIT_BAL": 20000,
    "SEX": 2,
    "EDUCATION": 2,
    "MARRIAGE": 1,
    "AGE": 24,
    **{"PAY_0": 2, "PAY_2": 2, "PAY_3": -1, "PAY_4": -1, "PAY_5": -2, "PAY_6": -2},
    **{f"BILL_AMT{n}": amount for n, amount in enumerate((3913, 3102, 689, 0, 0, 0), start=1)},
    **{f"PAY_AMT{n}": amount for n, amount in enumerate((0, 689, 0, 0, 0, 0), start=1)},
}
BODIES: dict[str, Record] = {
    "fraud_transactions": FRAUD,
    "loan_approval": LOAN,
    "german_credit": GERMAN,
    "credit_risk": CREDIT,
    "card_default": CARD,
}


def decision(answer: httpx.Response) -> Record:
    assert answer.status_code == 200, answer.text
    body: Record = answer.json()
    return body


def probability(url: str, record: Record) -> float:
    answered: float = decision(post(f"{url}/predict", record))["probability"]
    return answered


def probability_in_training(scorer: Scorer, record: Record) -> float:
    """Return what the table door gives for a table of this one row: the way in which training scores."""
    return float(scorer.score_table(pa.Table.from_pylist([record])).probabilities[0])


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
    for kind in ("logistic_regression", "catboost_shallow"):
        scorer = quick_scorer("fraud_transactions", kind)
        assert scorer.score(FRAUD).probability == probability_in_training(scorer, FRAUD)
    answered = decision(post(f"{served('fraud_transactions')}/predict", FRAUD))
    assert answered["model"] == quick_scorer("fraud_transactions").tag


# Loan approval


@pytest.mark.parametrize("kind", ["logistic_regression", "catboost_shallow"])
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
    if kind == "catboost_shallow":
        answered = post(f"{served('loan_approval')}/predict_bulk", {"records": rows}).json()["results"]
        assert [result["probability"] for result in answered] == trained.tolist()


def test_a_loan_with_a_better_score_is_no_worse_a_risk(served: Served) -> None:
    # 1 was the good outcome there; here the probability is always that of the bad one.
    url = served("loan_approval")
    poor = {**LOAN, "income": 20000, "credit_score": 400, "loan_amount": 20000}
    fine = {**LOAN, "income": 90000, "credit_score": 820, "loan_amount": 3000}
    assert probability(url, fine) < 0.1 < probability(url, poor)


# German credit


def test_german_errors_are_not_answered_with_200(served: Served) -> None:
    for body in ({}, {**GERMAN, "Job": "x"}, [GERMAN], {**GERMAN, "Purpose": "boat"}):
        refused(post(f"{served('german_credit')}/predict", body))


@pytest.mark.parametrize("name", ["Unnamed: 0", ""])
def test_the_german_row_number_changes_nothing(served: Served, name: str) -> None:
    url = served("german_credit")
    scores = {probability(url, {name: number, **GERMAN}) for number in (0, 1, 999, "x", None)}
    assert scores == {probability(url, GERMAN)}


def test_the_german_row_number_is_no_input(served: Served) -> None:
    inputs = httpx.get(f"{served('german_credit')}/model_metadata").json()["inputs"]
    assert not {"", "Unnamed: 0"} & set(inputs)


@pytest.mark.parametrize("job", [0, 1, 2, 3])
def test_each_german_job_is_scored_as_in_training(served: Served, quick_scorer: Scorers, job: int) -> None:
    record = {**GERMAN, "Job": job}
    expected = probability_in_training(quick_scorer("german_credit"), record)
    assert probability(served("german_credit"), record) == expected
    assert probability(served("german_credit"), {**record, "Job": float(job)}) == expected


def test_no_two_german_jobs_have_the_same_score_under_a_model_that_weighs_each(
    quick_scorer: Scorers,
) -> None:
    scorer = quick_scorer("german_credit", "logistic_regression")
    scores = [scorer.score({**GERMAN, "Job": job}).probability for job in range(4)]
    assert len(set(scores)) == 4
    assert scores == [probability_in_training(scorer, {**GERMAN, "Job": job}) for job in range(4)]


@pytest.mark.parametrize("job", ["2", "skilled", 4, -1, 2.5, True, None])
def test_a_german_job_that_does_not_exist_is_refused(served: Served, job: Any) -> None:
    error = refused_field(post(f"{served('german_credit')}/predict", {**GERMAN, "Job": job}))
    assert (error["field"], error["allowed"]) == ("Job", "one of: 0, 1, 2, 3")


@pytest.mark.parametrize(
    ("field", "level"),
    [("Purpose", "boat"), ("Housing", "Own"), ("Saving accounts", "No_info"), ("Checking account", "")],
)
def test_an_unknown_german_level_does_not_become_the_baseline(served: Served, field: str, level: str) -> None:
    error = refused_field(post(f"{served('german_credit')}/predict", {**GERMAN, field: level}))
    assert (error["field"], error["code"], error["value"]) == (field, "level", f"'{level}'")


def test_a_misspelt_german_field_does_not_become_the_baseline(served: Served) -> None:
    misspelt = {("Saving account" if name == "Saving accounts" else name): v for name, v in GERMAN.items()}
    errors = refused(post(f"{served('german_credit')}/predict", misspelt))
    assert [error["field"] for error in errors] == ["Saving accounts", "Saving account"]


def test_a_null_german_account_is_the_level_of_those_without_one(served: Served) -> None:
    url = served("german_credit")
    for field in ("Saving accounts", "Checking account"):
        assert probability(url, {**GERMAN, field: None}) == probability(url, {**GERMAN, field: "NA"})


def test_german_callers_write_no_one_hot_columns(served: Served) -> None:
    errors = refused(post(f"{served('german_credit')}/predict", {**GERMAN, "Sex_male": 1, "Job_2": 1}))
    assert [error["field"] for error in errors] == ["Sex_male", "Job_2"]
    problem(post(f"{served('german_credit')}/invocations", {"dataframe_split": {}}), 404)


def test_what_is_served_of_german_credit_is_the_champion_of_the_store(
    served: Served, quick_home: Callable[[str], Home]
) -> None:
    home = quick_home("german_credit").bentoml_home
    answered = decision(post(f"{served('german_credit')}/predict", GERMAN))
    assert answered["model"] == champion("german_credit", home).model
    assert answered["probability"] == load_scorer("german_credit", home).score(GERMAN).probability


def test_german_probabilities_are_those_of_the_bad_outcome(served: Served) -> None:
    url = served("german_credit")
    fine = {**GERMAN, "Checking account": "NA", "Duration": 6, "Credit amount": 1200, "Purpose": "radio/TV"}
    poor = {**GERMAN, "Checking account": "little", "Duration": 60, "Credit amount": 15000}
    assert probability(url, fine) < 0.3 < probability(url, poor)


# Credit risk


def credit_records_of_all_levels() -> Iterator[Record]:
    for column in use_cases()["credit_risk"].contract.columns:
        for level in column.levels:
            yield {**CREDIT, column.name: level}


def test_every_credit_category_is_scored_as_in_training(served: Served, quick_scorer: Scorers) -> None:
    # An encoder fitted on each request made every category the first one.
    scorer, scores = quick_scorer("credit_risk"), {}
    for record in credit_records_of_all_levels():
        scores[str(record)] = probability(served("credit_risk"), record)
        assert scores[str(record)] == probability_in_training(scorer, record)
    assert len(scores) == 4 + 6 + 7 + 2 - 3  # CREDIT itself is made four times
    assert len(set(scores.values())) > 8


def test_generated_credit_records_are_scored_as_in_training(served: Served, quick_scorer: Scorers) -> None:
    rows = records("credit_risk")
    trained = quick_scorer("credit_risk").score_table(pa.Table.from_pylist(rows)).probabilities
    answered = post(f"{served('credit_risk')}/predict_bulk", {"records": rows}).json()["results"]
    assert np.unique(trained).size > 100
    assert [result["probability"] for result in answered] == trained.tolist()


def test_the_credit_model_is_loaded_once_and_its_files_may_go(alone: Alone, quick_scorer: Scorers) -> None:
    assert not (alone.home.bentoml_home / "models").exists()
    answered = decision(post(f"{alone.url}/predict", CREDIT))
    assert answered["model"] == alone.tag
    assert answered["probability"] == quick_scorer("credit_risk").score(CREDIT).probability


def test_credit_is_served_without_champion_and_tracking_server_when_the_tag_is_given(alone: Alone) -> None:
    assert not (alone.home.bentoml_home / "champions").exists()
    assert not (alone.home.folder / "aval").exists()
    assert httpx.get(f"{alone.url}/model_metadata").json()["model"] == alone.tag


def test_a_fault_of_the_credit_server_is_500_and_tells_nothing(alone: Alone) -> None:
    faulty = {**CREDIT, "person_income": FAULTY_INCOME}
    for path, body in (("/predict", faulty), ("/predict_bulk", {"records": [CREDIT, faulty]})):
        answer = post(alone.url + path, body, {"X-Request-ID": f"fault-{len(path)}"})
        said = problem(answer, 500)
        assert said["detail"] == "an unexpected error occurred; it was logged under this request id"
        assert SECRET not in answer.text
        assert "RuntimeError" not in answer.text
        assert "errors" not in said
    assert post(f"{alone.url}/predict", CREDIT).status_code == 200


def test_a_fault_of_the_credit_server_is_logged_under_its_request_id(alone: Alone) -> None:
    answer = post(f"{alone.url}/predict", {**CREDIT, "person_income": FAULTY_INCOME})
    asked = answer.headers["x-request-id"]
    deadline = time.monotonic() + 10
    while f"request {asked} was answered with 500" not in alone.log and time.monotonic() < deadline:
        time.sleep(0.1)
    assert f"request {asked} was answered with 500" in alone.log
    assert SECRET in alone.log


def test_a_mistake_of_a_credit_caller_is_not_a_fault_of_the_server_nor_the_other_way_round(
    alone: Alone,
) -> None:
    assert post(f"{alone.url}/predict", {**CREDIT, "person_income": -1}).status_code == 422
    assert post(f"{alone.url}/predict", {**CREDIT, "person_income": FAULTY_INCOME}).status_code == 500


@pytest.mark.parametrize("field", ["person_age", "person_income", "loan_int_rate", "person_emp_length"])
def test_a_credit_number_in_quotes_is_refused(served: Served, field: str) -> None:
    error = refused_field(post(f"{served('credit_risk')}/predict", {**CREDIT, field: "22"}))
    assert (error["field"], error["code"], error["value"]) == (field, "type", "'22'")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("person_age", 144),
        ("person_income", -1),
        ("person_emp_length", 123),
        ("loan_amnt", 0),
        ("loan_int_rate", 101),
        ("loan_percent_income", 59),
        ("cb_person_cred_hist_length", 81),
    ],
)
def test_every_credit_number_has_a_range(served: Served, field: str, value: float) -> None:
    error = refused_field(post(f"{served('credit_risk')}/predict", {**CREDIT, field: value}))
    assert (error["field"], error["code"]) == (field, "range")
    assert " from " in error["allowed"]


@pytest.mark.parametrize(
    ("field", "level"),
    [
        ("loan_grade", "H"),
        ("loan_grade", "Z"),
        ("person_home_ownership", "CASTLE"),
        ("loan_intent", "BOAT"),
        ("cb_person_default_on_file", "X"),
    ],
)
def test_not_any_letter_or_upper_case_word_passes_as_a_credit_category(
    served: Served, field: str, level: str
) -> None:
    error = refused_field(post(f"{served('credit_risk')}/predict", {**CREDIT, field: level}))
    assert (error["field"], error["code"]) == (field, "level")
    assert error["allowed"].startswith("one of: ")


def test_applicants_with_nulls_where_the_data_have_them_get_a_credit_decision(
    served: Served, quick_scorer: Scorers
) -> None:
    record = {**CREDIT, "person_emp_length": None, "loan_int_rate": None}
    expected = quick_scorer("credit_risk").score(record).probability
    assert probability(served("credit_risk"), record) == expected


def test_the_order_of_credit_fields_in_the_request_does_not_matter(served: Served) -> None:
    url = served("credit_risk")
    scores = {probability(url, shuffled(CREDIT, seed)) for seed in range(10)}
    assert scores == {probability(url, CREDIT)}


def test_a_credit_answer_is_no_array_in_quotes(served: Served) -> None:
    answered = decision(post(f"{served('credit_risk')}/predict", CREDIT))
    assert isinstance(answered["probability"], float)
    assert "prediction" not in answered


def test_credit_units_are_published_as_they_are_in_the_data(served: Served) -> None:
    schema = httpx.get(f"{served('credit_risk')}/schema").json()["properties"]
    assert "not in thousands" in schema["person_income"]["description"]
    assert "not in thousands" in schema["loan_amnt"]["description"]
    assert schema["person_emp_length"]["x-unit"] == "years"
    assert len(schema["loan_intent"]["enum"]) == 6


def test_the_credit_example_that_is_published_is_one_that_the_data_could_hold(served: Served) -> None:
    (example,) = httpx.get(f"{served('credit_risk')}/schema").json()["examples"]
    assert example["person_income"] > 1000
    assert abs(example["loan_percent_income"] - example["loan_amnt"] / example["person_income"]) < 0.01


def test_health_of_the_credit_service_touches_no_model(alone: Alone) -> None:
    for path in ("/livez", "/readyz"):
        assert httpx.get(alone.url + path).status_code == 200
    assert not (alone.home.bentoml_home / "models").exists()


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
        assert httpx.get(url + path).status_code == 200


@pytest.mark.parametrize("use_case", NAMES)
def test_other_sites_may_not_call(served: Served, use_case: str) -> None:
    url, origin = f"{served(use_case)}/predict", {"Origin": "https://elsewhere.example"}
    preflight = httpx.options(url, headers={**origin, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 405
    for answer in (preflight, post(url, BODIES[use_case], origin), httpx.get(f"{served(use_case)}/schema")):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("use_case", NAMES)
def test_no_debugger_answers(served: Served, use_case: str) -> None:
    url = served(use_case)
    for path in ("/console", "/debug", "/?__debugger__=yes&cmd=resource&f=style.css", "/docs/../console"):
        answer = httpx.get(url + path)
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
