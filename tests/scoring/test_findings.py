from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.contract import Column, Contract
from service.scoring.findings import Code, allowed_values, finding, quote, unknown_field
from tests.scoring.strategies import USUAL


def test_a_missing_field_says_what_it_must_be(contract: Contract) -> None:
    found = finding(contract.by_name["age"], Code.MISSING)
    assert found.message == "age is missing; it must be an integer from 18 to 120 years"
    assert (found.field, found.code, found.value) == ("age", "missing", None)


def test_a_null_says_what_it_must_be(contract: Contract) -> None:
    found = finding(contract.by_name["income"], Code.NULL)
    assert found.message == "income is null; it must be a number of at least 0 EUR"
    assert found.value == "null"


def test_a_wrong_type_says_what_was_seen(contract: Contract) -> None:
    found = finding(contract.by_name["age"], Code.TYPE, "22")
    assert found.message == "age='22' is not an integer; it must be an integer from 18 to 120 years"


def test_a_value_out_of_range_says_what_was_seen_in_its_unit(contract: Contract) -> None:
    found = finding(contract.by_name["age"], Code.RANGE, 144.0)
    assert found.message == "age=144 years is out of range; it must be an integer from 18 to 120 years"


def test_an_unknown_level_lists_the_levels(contract: Contract) -> None:
    found = finding(contract.by_name["purpose"], Code.LEVEL, "boat")
    assert found.message == "purpose='boat' is not one of: car, radio/TV, education"
    assert found.allowed == "one of: car, radio/TV, education"


def test_what_is_not_finite_is_named(contract: Contract) -> None:
    found = finding(contract.by_name["income"], Code.NOT_FINITE, float("nan"))
    assert found.message == "income=NaN is not a finite number; it must be a number of at least 0 EUR"


def test_an_unknown_field_lists_the_fields(contract: Contract) -> None:
    found = unknown_field(contract, "salary")
    assert found.message == "salary is not a field of lending"
    assert found.allowed.startswith("one of: age, income, amount")


def test_the_outcome_is_refused_with_its_reason(contract: Contract) -> None:
    found = unknown_field(contract, "bad")
    assert found.message == "bad is the outcome, which nobody knows at the time of a decision; leave it out"


def test_a_long_field_name_is_shortened(contract: Contract) -> None:
    found = unknown_field(contract, "x" * 10_000)
    assert found.field == "x" * 60 + "…"
    assert len(found.message) < 100


def test_a_nameless_field_is_shown_as_empty_text(contract: Contract) -> None:
    assert unknown_field(contract, "").message == "'' is not a field of lending"


def test_a_finding_is_plain_json(contract: Contract) -> None:
    assert finding(contract.by_name["purpose"], Code.LEVEL, 3).as_json() == {
        "field": "purpose",
        "code": "level",
        "value": "3",
        "allowed": "one of: car, radio/TV, education",
        "message": "purpose=3 is not one of: car, radio/TV, education",
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "number"}, "a number"),
        ({"type": "number", "minimum": 0}, "a number of at least 0"),
        ({"type": "number", "maximum": 0.5, "unit": "EUR"}, "a number of at most 0.5 EUR"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "an integer from 1 to 9"),
        ({"type": "boolean", "nullable": True}, "true or false (or null)"),
        ({"type": "category", "levels": [0, 1], "required": False}, "one of: 0, 1 (or null)"),
        (
            {"type": "time", "role": "time"},
            "a time such as 2026-11-20 or 2026-11-20T08:30:00 (or null)",
        ),
        ({"type": "id", "role": "id"}, "text of 1 to 200 characters, or an integer (or null)"),
    ],
)
def test_says_in_words_what_a_column_accepts(fields: dict[str, Any], text: str) -> None:
    assert allowed_values(Column.model_validate({"name": "x"} | fields)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (22, "22"),
        (3.0, "3"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        ("boat", "'boat'"),
        ([1, {"a": None}], '[1, {"a": null}]'),
        (10**59, "1" + "0" * 59),
        (10**60, "an integer of more than 60 digits"),
        pytest.param(-(10**5000), "an integer of more than 60 digits", id="more digits than Python prints"),
        ("x" * 100, "'" + "x" * 59 + "…"),
        (["x" * 100], '["' + "x" * 58 + "…"),
        ("\ud800", "'?'"),
    ],
)
def test_quotes_a_value(value: object, text: str) -> None:
    assert quote(value) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@USUAL
@given(value=JSON)
def test_any_json_value_is_quoted_in_at_most_61_characters_that_can_be_sent(value: object) -> None:
    quoted = quote(value)
    assert 0 < len(quoted) <= 61
    assert json.loads(json.dumps(quoted).encode()) == quoted
    assert quoted.encode().decode() == quoted
