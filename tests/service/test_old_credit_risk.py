"""What was wrong with the service of the old credit risk system, and is not here."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.processes import post, web
from tests.service.conftest import FAULTY_INCOME, SECRET, Alone
from tests.service.old_requests import (
    CREDIT,
    Scorers,
    Served,
    decision,
    probability,
    probability_in_training,
)
from tests.service.records import Record, problem, records, refused_field, shuffled
from training.use_cases import use_cases


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
    assert not (alone.home.folder / "aval" / "mlflow.db").exists()
    assert web.get(f"{alone.url}/model_metadata").json()["model"] == alone.tag


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
    schema = web.get(f"{served('credit_risk')}/schema").json()["properties"]
    assert "not in thousands" in schema["person_income"]["description"]
    assert "not in thousands" in schema["loan_amnt"]["description"]
    assert schema["person_emp_length"]["x-unit"] == "years"
    assert len(schema["loan_intent"]["enum"]) == 6


def test_the_credit_example_that_is_published_is_one_that_the_data_could_hold(served: Served) -> None:
    (example,) = web.get(f"{served('credit_risk')}/schema").json()["examples"]
    assert example["person_income"] > 1000
    assert abs(example["loan_percent_income"] - example["loan_amnt"] / example["person_income"]) < 0.01


def test_health_of_the_credit_service_touches_no_model(alone: Alone) -> None:
    for path in ("/livez", "/readyz"):
        assert web.get(alone.url + path).status_code == 200
    assert not (alone.home.bentoml_home / "models").exists()
