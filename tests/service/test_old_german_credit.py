"""What was wrong with the service of the old German credit system, and is not here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from service.model_store import champion, load_scorer
from tests.processes import Home, post, web
from tests.service.old_requests import (
    GERMAN,
    Scorers,
    Served,
    decision,
    probability,
    probability_in_training,
)
from tests.service.records import problem, refused, refused_field


def test_german_errors_are_not_answered_with_200(served: Served) -> None:
    for body in ({}, {**GERMAN, "Job": "x"}, [GERMAN], {**GERMAN, "Purpose": "boat"}):
        refused(post(f"{served('german_credit')}/predict", body))


@pytest.mark.parametrize("name", ["Unnamed: 0", ""])
def test_the_german_row_number_changes_nothing(served: Served, name: str) -> None:
    url = served("german_credit")
    scores = {probability(url, {name: number, **GERMAN}) for number in (0, 1, 999, "x", None)}
    assert scores == {probability(url, GERMAN)}


def test_the_german_row_number_is_no_input(served: Served) -> None:
    inputs = web.get(f"{served('german_credit')}/model_metadata").json()["inputs"]
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
