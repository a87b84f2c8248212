"""The published OpenAPI document against what is really answered. AVAL_FUZZ=1000 asks each path that often."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from service.access.keys import SCOPES, ApiKey, digest_of, keys_json, new_id, new_secret
from service.online.answers import Answered, Asked, decide
from service.openapi import openapi
from service.problems import ProblemError
from service.scoring.contract import Contract
from service.scoring.scorer import Scorer
from tests.processes import PROGRAMS, Home, post, web
from tests.scoring.ensembles import scorer_of
from tests.scoring.lending import LENDING
from tests.scoring.strategies import USUAL, contracts, json_records
from tests.service.records import problem, records

Served = Callable[[str], str]
SERVED = ("credit_risk", "card_default")
KINDS = ("linear", "symmetric_trees", "trees")
# A document is validated for each.
FEW = settings(USUAL, max_examples=25)
ASKED = Asked("request-1", "", "en", 1_790_000_000_000_000)
# Without keys nobody is turned away; the other checks are all that there are.
LEFT_OUT = "ignored_auth"
# No schema can say that a time must be over: on what is else in order, a review of the future is refused; nor can one
# say where files may lie, or that one day comes after another.
CONFIGURATION = """
[[operations]]
include-path = "/reviews"
checks.positive_data_acceptance.expected-statuses = [200, 401, 403, 404, 409, 422, 429]

[[operations]]
include-path = "/dashboard.json"
checks.positive_data_acceptance.expected-statuses = [200, 401, 403, 422, 429, 503]

[[operations]]
include-path-regex = "^/score_file"
checks.positive_data_acceptance.expected-statuses = [200, 401, 403, 404, 409, 422, 429]
"""


def published(url: str) -> dict[str, Any]:
    document: dict[str, Any] = web.get(f"{url}/docs.json").json()
    return document


def schema_of(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


def answer(scorer: Scorer, body: bytes) -> Answered:
    """Answer a body as the door does."""
    try:
        return decide(scorer, body, ASKED)
    except ProblemError as refused:
        return Answered(refused.status, refused.as_json(ASKED.request_id), ())


# Over HTTP


@pytest.mark.parametrize("use_case", SERVED)
def test_every_answer_is_as_documented_and_none_is_a_fault_of_the_service(
    served: Served, use_case: str, tmp_path: Path
) -> None:
    times = os.environ.get("AVAL_FUZZ") or "10"
    options = ["--exclude-checks", LEFT_OUT, "--phases", "examples,coverage,fuzzing", "--max-examples", times]
    said = schemathesis(served(use_case), tmp_path, *options)
    # The document's own path is the one that it is read from.
    tested = sum(len(methods) for methods in published(served(use_case))["paths"].values()) - 1
    assert f"Tested: {tested}" in said


def test_every_path_that_asks_for_a_key_turns_away_whoever_has_none(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    key = ApiKey(new_id(), "fuzzing", digest_of(secret), SCOPES, now)
    file = tmp_path / "keys.json"
    file.write_bytes(keys_json([key]))
    with quick_home("credit_risk").serve("credit_risk", AVAL_API_KEYS=str(file)) as url:
        document = web.get(f"{url}/docs.json", headers={"x-api-key": secret})
        (tmp_path / "docs.json").write_bytes(document.content)
        schemathesis(
            url, tmp_path, "--phases", "examples", "--header", f"X-API-Key: {secret}", file="docs.json"
        )


def schemathesis(url: str, folder: Path, *options: str, file: str = "") -> str:
    """Run it with all checks, in a folder of its own, and return what it said of answers that were all good."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    place = [file, "--url", url] if file else [f"{url}/docs.json"]
    always = ["--checks", "all", "--generation-database", "none", "--warnings", "off", "--no-color"]
    run = subprocess.run(
        [PROGRAMS / "schemathesis", "run", *place, *always, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3_600,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    return run.stdout


@pytest.mark.parametrize("use_case", SERVED)
def test_the_published_document_is_that_of_the_served_bundle(
    served: Served, quick_scorer: Callable[..., Scorer], use_case: str
) -> None:
    scorer = quick_scorer(use_case)
    assert published(served(use_case)) == json.loads(json.dumps(openapi(scorer, scorer.policy)))


@pytest.mark.parametrize("use_case", SERVED)
def test_answers_hold_the_documented_fields_and_no_others(served: Served, use_case: str) -> None:
    url, record = served(use_case), records(use_case)[0]
    document = published(url)
    for path, name in (("/predict", "Decision"), ("/explain", "Explanation")):
        body = post(url + path, record).json()
        assert set(body) == set(document["components"]["schemas"][name]["properties"])
    decision_id = post(f"{url}/predict", record).json()["decision_id"]
    (bad, *_) = document["components"]["schemas"]["Outcome"]["properties"]["outcome"]["enum"]
    told = {"decision_id": decision_id, "outcome": bad, "observed_at": datetime.now(UTC).isoformat()}
    (result,) = post(f"{url}/outcomes", {"outcomes": [told]}).json()["results"]
    assert set(result) == set(document["components"]["schemas"]["OutcomeRecorded"]["properties"])
    review = {
        "decision_id": decision_id,
        "decision": "approve",
        "reviewer": "m.rojas",
        "why": "payslip",
        "override": True,
    }
    reviewed = post(f"{url}/reviews", review)
    assert reviewed.status_code == 200, reviewed.text
    assert set(reviewed.json()) == set(document["components"]["schemas"]["ReviewAnswer"]["properties"])


def test_a_review_of_a_decision_that_was_never_made_finds_nothing(served: Served) -> None:
    review = {"decision_id": "never", "decision": "approve", "reviewer": "m.rojas", "why": "payslip"}
    assert "never" in problem(post(f"{served('credit_risk')}/reviews", review), 404)["detail"]


def test_the_page_is_served_under_a_policy_that_allows_no_script(served: Served) -> None:
    page = web.get(f"{served('credit_risk')}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]


# Over contracts


@FEW
@given(st.data())
def test_any_contract_has_a_valid_document_that_its_answers_keep_to(data: st.DataObject) -> None:
    scorer = scorer_of(data.draw(contracts()), data.draw(st.sampled_from(KINDS)), seed=1)
    document = openapi(scorer, scorer.policy)
    validate(document)
    decision, refusal = schema_of(document, "Decision"), schema_of(document, "Problem")
    for _ in range(3):
        given_record = data.draw(json_records(scorer.contract))
        answered = answer(scorer, json.dumps(given_record).encode())
        assert answered.status in (200, 422), answered.body
        (decision if answered.status == 200 else refusal).validate(answered.body)


@FEW
@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]",:0123456789eE.-+ntrufalse \\u', max_size=60).map(str.encode)
)
def test_any_bytes_are_answered_by_a_documented_status(body: bytes) -> None:
    answered = answer(scorer_of(Contract.model_validate(LENDING), "linear", seed=1), body)
    assert answered.status in (400, 422)
    assert answered.body["detail"]
