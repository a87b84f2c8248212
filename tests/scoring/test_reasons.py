from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.contract import Contract
from service.scoring.errors import BundleInvalid
from service.scoring.reasons import (
    Reason,
    ReasonText,
    nulls_of,
    of_known,
    possible_reasons,
    reasons_for,
    texts_from_json,
    texts_to_json,
)
from tests.scoring.strategies import USUAL

INPUTS = ("age", "income", "amount", "ratio", "purpose", "status")
TEXTS = {
    "age": ReasonText("R01", "Age"),
    "income": ReasonText("R02", "Income", "Ingreso"),
    "amount": ReasonText("R03", "Amount requested"),
    "ratio": ReasonText("R03", "Amount in proportion to income"),
    "purpose": ReasonText("R04", "Purpose"),
    "status": ReasonText("R05", "Past payments"),
}
POSSIBLE = possible_reasons(INPUTS, TEXTS)


def codes(contributions: list[float]) -> list[str]:
    return [reason.code for reason in reasons_for(POSSIBLE, contributions)]


def test_the_strongest_reason_comes_first() -> None:
    assert codes([0.1, 0.3, 0.0, 0.0, 0.2, -1.0]) == ["R02", "R04", "R01"]


def test_there_are_four_reasons_at_most() -> None:
    assert codes([0.1, 0.2, 0.3, 0.0, 0.4, 0.5]) == ["R05", "R04", "R03", "R02"]


def test_what_lowered_the_risk_is_no_reason() -> None:
    assert codes([-0.1, 0.0, -3.0, 0.0, 0.0, 0.0]) == []


def test_inputs_of_one_code_count_together_and_the_strongest_is_named() -> None:
    reasons = reasons_for(POSSIBLE, [0.0, 0.5, 0.25, 0.3, 0.0, 0.0])
    assert reasons[0] == Reason("R03", "ratio", "Amount in proportion to income")
    assert [reason.code for reason in reasons] == ["R03", "R02"]


def test_inputs_of_one_code_may_cancel_out() -> None:
    assert codes([0.0, 0.0, 0.5, -0.5, 0.0, 0.0]) == []


def test_what_is_left_by_rounding_is_no_reason() -> None:
    assert codes([1e-17, 0.1, 0.2, 0.1 - 0.3, 0.0, 3e-16]) == ["R02"]


def test_ties_keep_the_order_of_the_inputs() -> None:
    assert codes([0.1] * 3 + [0.0] + [0.1] * 2) == ["R01", "R02", "R03", "R04"]


@USUAL
@given(contributions=st.lists(st.floats(-5, 5), min_size=6, max_size=6))
def test_every_reason_raised_the_risk_and_its_text_belongs_to_its_input(contributions: list[float]) -> None:
    reasons = reasons_for(POSSIBLE, contributions)
    by_input = dict(zip(INPUTS, contributions, strict=True))
    assert len(reasons) <= 4
    assert len({reason.code for reason in reasons}) == len(reasons)
    assert all(by_input[reason.feature] > 0 for reason in reasons)
    texts = [(TEXTS[reason.feature].code, TEXTS[reason.feature].text) for reason in reasons]
    assert texts == [(reason.code, reason.text) for reason in reasons]


def test_reasons_are_in_the_local_language_where_they_have_a_text_in_it() -> None:
    possible = possible_reasons(INPUTS, TEXTS, local=True)
    reasons = reasons_for(possible, [0.1, 0.3, 0.0, 0.0, 0.0, 0.0])
    assert [(reason.code, reason.text) for reason in reasons] == [("R02", "Ingreso"), ("R01", "Age")]


def test_what_is_null_in_the_record_is_no_reason_whatever_it_contributed() -> None:
    row, nulls = [math.nan, 1.0, 0.0, 2.0], [math.nan, math.nan, math.nan, 2.0]
    assert of_known(row, [0.5, 0.25, 0.125, 0.0625], nulls) == [0.0, 0.25, 0.125, 0.0]


def test_a_level_that_stands_for_null_is_null(contract: Contract) -> None:
    known = dict(zip(contract.inputs, nulls_of(contract), strict=True))
    assert known.pop("Saving accounts") == 0.0
    assert all(math.isnan(value) for value in known.values())
    assert nulls_of(contract)[contract.inputs.index("Saving accounts")] == 0.0


def test_contributions_of_another_number_of_inputs_are_a_bug() -> None:
    with pytest.raises(ValueError, match="shorter"):
        reasons_for(POSSIBLE, [math.pi])


def test_texts_read_back_are_the_same() -> None:
    assert texts_from_json(texts_to_json(TEXTS), INPUTS) == TEXTS


def test_texts_of_a_bundle_made_before_there_was_a_second_language_are_read() -> None:
    body = {"age": {"code": "R01", "text": "Age"}}
    assert texts_from_json(body, ["age"]) == {"age": ReasonText("R01", "Age", "")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": None}, "reason of age: expected exactly ['code', 'local', 'text'], found NoneType"),
        (
            {"age": {"code": "R01"}},
            "reason of age: expected exactly ['code', 'local', 'text'], found ['code', 'local']",
        ),
        (
            {"age": {"code": "R01", "text": "", "local": ""}},
            "reason of age: code, text and local must be text",
        ),
        (
            {"age": {"code": 1, "text": "Age", "local": ""}},
            "reason of age: code, text and local must be text",
        ),
        (
            {"age": {"code": "R", "text": "Age", "local": 1}},
            "reason of age: code, text and local must be text",
        ),
        ({"sex": {"code": "R09", "text": "Sex"}}, "reasons: expected exactly"),
    ],
)
def test_refuses_malformed_texts(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        texts_from_json(texts_to_json(TEXTS) | change, INPUTS)
    assert str(refusal.value).startswith(message)
