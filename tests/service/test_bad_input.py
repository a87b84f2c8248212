from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.scoring.schema import example_record
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid
from tests.processes import post, web
from tests.service.records import Record, problem, records, refused, refused_field, with_raw
from training.use_cases import use_cases

CONTRACT = use_cases()["credit_risk"].contract
RECORD = example_record(CONTRACT)
FIVE_MB = b"[" + b"1," * 2_500_000 + b"1]"


@pytest.fixture(scope="module")
def predict(served: Callable[[str], str]) -> str:
    """The URL that decides on one record of credit risk."""
    return f"{served('credit_risk')}/predict"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client that keeps its connection."""
    with httpx.Client(timeout=10) as kept:
        yield kept


def without(field: str) -> Record:
    return {name: value for name, value in RECORD.items() if name != field}


# Fields


def test_a_missing_field_is_refused_and_named(predict: str) -> None:
    error = refused_field(post(predict, without("loan_amnt")))
    assert error["field"] == "loan_amnt"
    assert error["code"] == "missing"
    assert error["value"] is None
    assert error["allowed"] == "a number from 1 to 100000000 currency units"


def test_an_unknown_field_is_refused_with_the_list_of_those_that_exist(predict: str) -> None:
    error = refused_field(post(predict, {**RECORD, "person_incme": 59000}))
    assert error["field"] == "person_incme"
    assert error["code"] == "unknown"
    assert "person_income" in error["allowed"]


def test_a_misspelt_field_is_refused_as_missing_and_as_unknown(predict: str) -> None:
    errors = refused(post(predict, {**without("loan_grade"), "Loan_Grade": "A"}))
    assert [(error["field"], error["code"]) for error in errors] == [
        ("loan_grade", "missing"),
        ("Loan_Grade", "unknown"),
    ]


@pytest.mark.parametrize(
    ("raw", "code", "value"),
    [
        ('"22"', "type", "'22'"),
        ('""', "type", "''"),
        ("true", "type", "true"),
        ("[1]", "type", "[1]"),
        ('{"a": 1}', "type", '{"a": 1}'),
        ('"\\ud800"', "type", "'?'"),
        ("NaN", "not_finite", "NaN"),
        ("Infinity", "not_finite", "Infinity"),
        ("-Infinity", "not_finite", "-Infinity"),
        ("1e400", "not_finite", "Infinity"),
        ("9" * 400, "not_finite", "Infinity"),
        ("-" + "9" * 400, "not_finite", "-Infinity"),
        ("-1", "range", "-1"),
        ("1000000000.5", "range", "1000000000.5"),
        ("null", "null", "null"),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_income_is_refused_with_the_value_seen_and_the_range(
    predict: str, raw: str, code: str, value: str
) -> None:
    error = refused_field(post(predict, with_raw(RECORD, "person_income", raw)))
    assert (error["field"], error["code"], error["value"]) == ("person_income", code, value)
    assert error["allowed"] == "a number from 0 to 1000000000 currency units per year"
    assert error["message"].startswith("person_income")


@pytest.mark.parametrize("raw", ["22.5", "17", "144", "1e300", "-9007199254740993"])
def test_what_is_no_age_is_refused_although_it_is_no_input_of_the_model(predict: str, raw: str) -> None:
    error = refused_field(post(predict, with_raw(RECORD, "person_age", raw)))
    assert error["field"] == "person_age"
    assert error["allowed"] == "an integer from 18 to 120 years (or null)"


@pytest.mark.parametrize("raw", ['"Z"', '"a"', '"A "', "1", "true", '["A"]', '"\\udfff"', "9" * 4000, '""'])
def test_an_unknown_level_is_refused_with_the_levels_that_exist(predict: str, raw: str) -> None:
    error = refused_field(post(predict, with_raw(RECORD, "loan_grade", raw)))
    assert (error["field"], error["code"]) == ("loan_grade", "level")
    assert error["allowed"] == "one of: A, B, C, D, E, F, G"
    assert len(error["message"]) < 200


def test_a_null_is_refused_where_it_is_not_allowed_and_taken_where_it_is(predict: str) -> None:
    assert refused_field(post(predict, {**RECORD, "loan_grade": None}))["field"] == "loan_grade"
    assert post(predict, {**RECORD, "person_emp_length": None, "loan_int_rate": None}).status_code == 200


def test_the_outcome_is_refused_because_nobody_knows_it_yet(predict: str) -> None:
    error = refused_field(post(predict, {**RECORD, "loan_status": 0}))
    assert error["field"] == "loan_status"
    assert "nobody knows" in error["message"]


@pytest.mark.parametrize("name", ["\\ud800", "x\\udfff", "\\u0000", "", "x" * 5000, "__proto__", "$schema"])
def test_a_field_of_any_name_is_refused_as_unknown(predict: str, name: str) -> None:
    body = json.dumps(RECORD)[:-1].encode() + f', "{name}": 1}}'.encode()
    error = refused_field(post(predict, body))
    assert error["code"] == "unknown"
    assert len(error["field"]) <= 61


def test_every_wrong_field_is_named_at_once(predict: str) -> None:
    errors = refused(post(predict, {**without("loan_amnt"), "person_income": -1, "loan_grade": "Z", "x": 1}))
    assert [error["field"] for error in errors] == ["person_income", "loan_grade", "loan_amnt", "x"]


def test_an_empty_record_is_refused_for_each_required_field(predict: str) -> None:
    errors = refused(post(predict, {}))
    assert {error["field"] for error in errors} == {c.name for c in CONTRACT.columns if c.must_be_present}
    assert {error["code"] for error in errors} == {"missing"}


# Bodies


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"[]", "a list"),
        (b"[1]", "a list"),
        (b"22", "a number"),
        (b"1e400", "a number"),
        (b"NaN", "a number"),
        (b"null", "null"),
        (b"true", "true or false"),
        (b'"\\ud800"', "text"),
    ],
)
def test_what_is_no_object_is_refused_as_such(predict: str, body: bytes, seen: str) -> None:
    error = refused_field(post(predict, body))
    assert error["message"].endswith(f"must be a JSON object with the fields of /schema, not {seen}")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "not valid JSON"),
        (b"   ", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a": 1,}', "not valid JSON"),
        (b'{"a": 1} {"a": 1}', "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": 01}', "not valid JSON"),
        (b'{"a": "\n"}', "not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (json.dumps(RECORD).encode("utf-16"), "not UTF-8"),
        (json.dumps(RECORD).encode("utf-8-sig"), "not valid JSON"),
        (b'{"loan_grade": "A", "loan_grade": "G"}', "the field 'loan_grade' stands twice"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "stands twice"),
        (b'{"records": [{"a": 1, "a": 2}]}', "the field 'a' stands twice"),
        (with_raw(RECORD, "person_income", "9" * 5000), "an integer of thousands of digits"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_json_is_answered_with_400_and_the_reason(predict: str, body: bytes, detail: str) -> None:
    assert detail in problem(post(predict, body), 400)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        with_raw(RECORD, "person_income", "[" * 50 + "]" * 50),
    ],
    ids=["lists left open", "objects left open", "lists", "objects", "lists in a field"],
)
def test_deep_nesting_is_answered_with_400(predict: str, body: bytes) -> None:
    assert problem(post(predict, body), 400)["detail"] == "the body is nested too deeply"


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_no_depth_of_nesting_is_a_fault_of_the_server(
    predict: str, client: httpx.Client, opened: str, closed: str
) -> None:
    # Somewhere near a thousand Python's own limit is met: first by what words an error, then by the parser.
    for depth in range(930, 1000):
        body = with_raw(RECORD, "person_income", opened * depth + "1" + closed * depth)
        answer = client.post(predict, content=body, headers={"content-type": "application/json"})
        problem(answer, 400)


def test_five_megabytes_are_answered_with_413_and_the_server_stays_usable(
    predict: str, client: httpx.Client
) -> None:
    answer = client.post(predict, content=FIVE_MB, headers={"content-type": "application/json"})
    assert "larger than 1048576 bytes" in problem(answer, 413)["detail"]
    assert client.post(predict, json=RECORD).status_code == 200


def test_a_chunked_body_without_a_length_is_bounded_too(predict: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b" " * 2**15 for _ in range(40))

    answer = web.post(predict, content=chunks(), headers={"content-type": "application/json"}, timeout=30)
    assert "content-length" not in answer.request.headers
    problem(answer, 413)


def test_a_chunked_body_within_the_bound_is_read_whole(predict: str) -> None:
    body = json.dumps(RECORD).encode()
    chunks = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = web.post(predict, content=chunks, headers={"content-type": "application/json"}, timeout=30)
    assert answer.json()["probability"] == post(predict, RECORD).json()["probability"]


def test_sixty_thousand_unknown_fields_get_a_short_answer(predict: str) -> None:
    answer = post(predict, {f"{number:x}": 1 for number in range(60_000)})
    assert len(refused(answer)) == 15
    assert "60010 fields of the record refused" in answer.json()["detail"]
    assert len(answer.content) < 10_000


def test_a_field_that_stands_twice_among_sixty_thousand_is_found_at_once(
    predict: str, client: httpx.Client
) -> None:
    body = "{" + "".join(f'"{number:x}":1,' for number in range(60_000)) + '"ea5f":2}'
    answer = client.post(predict, content=body, headers={"content-type": "application/json"})
    assert problem(answer, 400)["detail"] == "the field 'ea5f' stands twice"


# Requests


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/vnd.bentoml+pickle", "json"])
def test_another_content_type_is_answered_with_415(predict: str, kind: str) -> None:
    answer = web.post(predict, content=json.dumps(RECORD), headers={"content-type": kind}, timeout=30)
    assert repr(kind) in problem(answer, 415)["detail"]


def test_a_form_is_answered_with_415(predict: str) -> None:
    problem(web.post(predict, data=RECORD, timeout=30), 415)
    problem(web.post(predict, files={"file": json.dumps(RECORD).encode()}, timeout=30), 415)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/predict", "/predict_bulk"])
def test_another_method_is_answered_with_405_and_the_one_allowed(
    served: Callable[[str], str], method: str, path: str
) -> None:
    answer = web.request(method, served("credit_risk") + path, timeout=30)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.headers["content-type"] == "application/problem+json"
    assert method == "HEAD" or problem(answer, 405)["detail"] == "this path does not answer this method"


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("path", ["/nothing", "/predict/x", "//predict", "/%2e%2e/etc/passwd", "/static/x"])
def test_an_unknown_path_is_answered_with_404(served: Callable[[str], str], method: str, path: str) -> None:
    answer = web.request(method, served("credit_risk") + path, timeout=30)
    assert answer.status_code == 404
    assert method == "HEAD" or "/docs.json" in problem(answer, 404)["detail"]


def test_head_answers_as_get_without_a_body(served: Callable[[str], str]) -> None:
    url = f"{served('credit_risk')}/schema"
    head, whole = web.head(url, timeout=30), web.get(url, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


# Anything at all

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["22", "A", "RENT", "Y", 10**400, -0.0, 22.0, 1e308, 2**53]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([column.name for column in CONTRACT.columns]) | st.text(max_size=6)


@st.composite
def changed_records(draw: st.DrawFn) -> Any:
    """A generated record, as it is or with some fields changed, added, left out or in another order."""
    record = dict(draw(st.sampled_from(records("credit_risk"))))
    for name in draw(st.lists(NAMES, max_size=2)):
        if name in record and draw(st.booleans()):
            del record[name]
        else:
            record[name] = draw(JSON_VALUES)
    return {name: record[name] for name in draw(st.permutations(list(record)))}


def test_whatever_json_is_sent_a_decision_comes_exactly_when_the_contract_accepts_it(
    predict: str, client: httpx.Client, quick_scorer: Callable[..., Scorer]
) -> None:
    validator, seen = quick_scorer("credit_risk").validator, set()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed_records() | JSON_VALUES)
    def holds_for(sent: Any) -> None:
        body = json.dumps(sent)
        answer = client.post(predict, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {200, 400, 413, 422}, answer.text
        assert (answer.status_code == 200) == accepts(json.loads(body))
        seen.add(answer.status_code)

    def accepts(record: Any) -> bool:
        try:
            return isinstance(record, dict) and bool(validator.check_record(record))
        except RecordInvalid:
            return False

    holds_for()
    assert {200, 422} <= seen
