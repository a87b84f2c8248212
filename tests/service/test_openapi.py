from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from service.online.paths import FILES, HEALTH, PATHS
from service.openapi import PAGE_HEADERS, docs_page, openapi
from service.scoring.policy import Policy
from service.scoring.scorer import Scorer
from tests.service.records import records
from training.use_cases import use_cases

Scorers = Callable[..., Scorer]
NAMES = sorted(use_cases())
MOMENTS = {
    "2026-11-20T08:30:00Z": True,
    "2026-11-20T08:30:00.123456+01:00": True,
    "2026-11-20T08:30:00": False,
    "2026-11-20": False,
    "2026-13-20T08:30:00Z": False,
    "yesterday": False,
}


@pytest.fixture(scope="module")
def document(quick_scorer: Scorers) -> dict[str, Any]:
    scorer = quick_scorer("card_default")
    return openapi(scorer, scorer.policy)


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> str:
    return docs_page(document).decode()


def resolved(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, operation in operations(document):
        contents = [operation["responses"]["200"]["content"], operation.get("requestBody", {}).get("content")]
        for content in contents:
            for media in (content or {}).values():
                for example in media.get("examples", {}).values():
                    yield name, media["schema"]["$ref"].rpartition("/")[2], example["value"]


@pytest.mark.parametrize("use_case", NAMES)
def test_the_document_of_every_use_case_is_valid_openapi(quick_scorer: Scorers, use_case: str) -> None:
    scorer = quick_scorer(use_case)
    document = openapi(scorer, scorer.policy)
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == scorer.contract.title


@pytest.mark.parametrize("use_case", NAMES)
def test_every_example_is_of_its_own_schema(quick_scorer: Scorers, use_case: str) -> None:
    scorer = quick_scorer(use_case)
    document = openapi(scorer, scorer.policy)
    shown = list(examples(document))
    for _, schema, value in shown:
        resolved(document, schema).validate(value)
    with_body = {name for name, operation in operations(document) if "requestBody" in operation}
    assert {
        name for name, schema, _ in shown if schema in ("Record", "Bulk", "Outcomes", "Review", "Order")
    } == with_body
    assert {schema for _, schema, _ in shown} >= {"Decision", "BulkAnswer", "Explanation", "OutcomesAnswer"}


def test_the_example_decision_is_what_this_model_says_under_the_served_policy(quick_scorer: Scorers) -> None:
    scorer = quick_scorer("credit_risk")
    record = openapi(scorer, scorer.policy)["components"]["schemas"]["Record"]["examples"][0]
    strict = Policy("strict", 0.0, 1e-9)
    answer = next(value for _, schema, value in examples(openapi(scorer, strict)) if schema == "Decision")
    assert answer["probability"] == scorer.score(record).probability
    assert (answer["decision"], answer["policy"]) == ("decline", strict.version)
    assert answer["reasons"]


@pytest.mark.parametrize("use_case", NAMES)
def test_a_further_path_of_the_contract_is_documented_as_predict_is(
    quick_scorer: Scorers, use_case: str
) -> None:
    scorer = quick_scorer(use_case)
    paths = openapi(scorer, scorer.policy)["paths"]
    assert ("/default_payment_prediction" in paths) == (use_case == "card_default")
    for path in scorer.contract.also_at:
        assert paths[path]["post"]["requestBody"] == paths["/predict"]["post"]["requestBody"]
        assert paths[path]["post"]["responses"] == paths["/predict"]["post"]["responses"]


def test_every_answer_names_the_request_id_and_every_problem_its_form(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, given in operation["responses"].items():
            response = given
            if "$ref" in given:
                response = document["components"]["responses"][given["$ref"].rpartition("/")[2]]
                ((kind, content),) = response["content"].items()
                assert kind == "application/problem+json"
                assert content["examples"]["problem"]["value"]["status"] == int(status)
                resolved(document, "Problem").validate(content["examples"]["problem"]["value"])
            assert "X-Request-ID" in response["headers"], name


def test_every_path_of_the_door_is_documented(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {*PATHS, "/default_payment_prediction"}


def test_only_health_is_told_without_a_key_and_only_outcomes_need_the_scope_outcomes(
    document: dict[str, Any],
) -> None:
    scopes = {
        name: {scope for needed in operation["security"] for names in needed.values() for scope in names}
        for name, operation in operations(document)
    }
    assert {name for name, scope in scopes.items() if not scope} == {f"GET {path}" for path in HEALTH}
    assert {name for name, scope in scopes.items() if "outcomes" in scope} == {
        "POST /outcomes",
        "POST /reviews",
    }
    assert {name.partition(" ")[2] for name, scope in scopes.items() if "batch" in scope} == set(FILES)
    assert {name for name, scope in scopes.items() if "read" in scope} == {
        name for name in scopes if name.startswith("GET") and name[4:] not in (*HEALTH, *FILES)
    }


def test_asking_too_often_says_when_to_come_back(document: dict[str, Any]) -> None:
    headers = document["components"]["responses"]["TooManyRequests"]["headers"]
    assert headers["Retry-After"]["required"]
    assert all("429" in operation["responses"] for name, operation in operations(document) if "POST" in name)


def test_the_schema_of_a_record_takes_what_the_contract_takes(quick_scorer: Scorers) -> None:
    scorer = quick_scorer("german_credit")
    validator = resolved(openapi(scorer, scorer.policy), "Record")
    for record in records("german_credit")[:20]:
        validator.validate(record)
        assert not validator.is_valid({**record, "unheard of": 1})


@pytest.mark.parametrize(("moment", "taken"), MOMENTS.items())
def test_a_moment_needs_its_zone(document: dict[str, Any], moment: str, taken: bool) -> None:
    told = {"decision_id": "x", "outcome": 1, "observed_at": moment}
    assert resolved(document, "Outcome").is_valid(told) == taken


def test_an_outcome_is_one_of_those_that_the_contract_knows(quick_scorer: Scorers) -> None:
    scorer = quick_scorer("loan_approval")
    validator = resolved(openapi(scorer, scorer.policy), "Outcome")
    told = {"decision_id": "x", "observed_at": "2026-11-20T08:30:00Z"}
    outcome = scorer.contract.outcome
    for value in (*outcome.bad, *outcome.good):
        validator.validate({**told, "outcome": value})
    assert not validator.is_valid({**told, "outcome": "perhaps"})


# The page


def test_the_page_shows_every_path_field_and_problem(document: dict[str, Any], page: str) -> None:
    for _, operation in operations(document):
        assert f'<article id="{operation["operationId"]}">' in page
    for name in document["components"]["schemas"]["Record"]["properties"]:
        assert f"<td><code>{name}</code>" in page
    for name in document["components"]["responses"]:
        assert f'<article id="{name}">' in page


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    anchors = re.findall(r'\bid="?([\w-]+)', page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_the_page_runs_no_script_and_loads_nothing(page: str) -> None:
    assert "<script" not in page
    assert not re.search(r"https?://(?!127\.0\.0\.1)", page)
    assert not re.search(r"<(?:img|link|iframe|form|object)|\bon\w+=|\bstyle=", page)


def test_the_pages_policy_allows_its_own_style_and_nothing_else(page: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = PAGE_HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_text_of_the_contract_is_shown_as_text(document: dict[str, Any]) -> None:
    title = "<script>alert(1)</script> & Co."
    page = docs_page({**document, "info": {**document["info"], "title": title}}).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co." in page


def test_fields_are_described_in_words(page: str) -> None:
    assert "integer from 18 to 120 years, or null" in page
    assert "one of: 1, 2, null" in page
    assert "number from 0 to 100,000,000 TWD" in page
