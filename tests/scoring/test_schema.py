from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from service.scoring.contract import Column, ColumnType, Contract
from service.scoring.readers import TIME_PATTERN, Refusal, reader
from service.scoring.schema import DIALECT, example_record, json_schema, request_model
from service.scoring.validation import Validator
from tests.scoring.agreement import judge
from tests.scoring.strategies import THOROUGH, USUAL, contracts, json_records


def is_expressible(column: Column, value: object) -> bool:
    """Say whether JSON Schema can tell what the contract says about this value.

    It cannot count the days of a month or the hours of a day (2023-02-29, 24:00), and Python's `$`, unlike that
    of ECMA 262, passes a newline at the end. Beyond that the two differ only in what these tests do not draw:
    integers too large for a float64 or longer than 200 digits, and half surrogate pairs in an id.
    """
    if column.type is not ColumnType.TIME or not isinstance(value, str):
        return True
    try:
        reader(column)(value)
    except Refusal:
        return not Draft202012Validator({"pattern": json_pattern()}).is_valid(value)
    return True


def json_pattern() -> str:
    time = Column.model_validate({"name": "t", "type": "time", "role": "time"})
    feature = Column.model_validate({"name": "x", "type": "number"})
    outcome = {"name": "bad", "bad": [1], "good": [0]}
    contract = Contract.model_validate(
        {"use_case": "x", "title": "X", "columns": [time, feature], "outcome": outcome}
    )
    return str(json_schema(contract)["properties"]["t"]["pattern"])


@THOROUGH
@given(data=st.data())
def test_the_schema_accepts_a_record_if_and_only_if_the_contract_does(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    record = json.loads(json.dumps(data.draw(json_records(contract))))
    assume(
        all(
            is_expressible(contract.by_name[name], record[name])
            for name in record
            if name in contract.by_name
        )
    )
    _, findings = judge(Validator(contract), record)
    errors = list(Draft202012Validator(json_schema(contract)).iter_errors(record))
    assert bool(errors) == bool(findings), f"{errors} {findings}"


@USUAL
@given(contract=contracts())
def test_the_schema_is_json_schema_2020_12(contract: Contract) -> None:
    schema = json_schema(contract)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert json.loads(json.dumps(schema)) == schema


def test_the_pattern_of_times_needs_nothing_that_only_python_knows() -> None:
    assert "?P<" in TIME_PATTERN
    assert "?P<" not in json_pattern()
    assert "?<" not in json_pattern()
    assert "\\d" not in json_pattern()


def test_the_example_is_a_valid_record(contract: Contract) -> None:
    (example,) = json_schema(contract)["examples"]
    assert example == example_record(contract)
    assert example["applied at"] == "2026-11-20T08:30:00"
    missing = {"Saving accounts": "little"}
    Draft202012Validator(json_schema(contract)).validate(example | missing)
    Validator(contract).check_record(example | missing)


def test_a_property_says_what_its_column_is(contract: Contract) -> None:
    properties = json_schema(contract)["properties"]
    assert properties["age"] == {
        "title": "age",
        "type": "integer",
        "minimum": 18,
        "maximum": 120,
        "x-unit": "years",
        "x-role": "feature",
        "x-changeable": True,
        "examples": [40],
    }
    assert properties["Saving accounts"]["enum"] == ["NA", "little", "rich", None]
    assert properties["amount"]["type"] == ["number", "null"]
    assert properties["application_id"]["type"] == ["string", "integer", "null"]
    assert properties["sex"]["x-role"] == "protected"
    assert properties["row"] == {"description": "Accepted and not looked at."}


def test_every_text_stands_there_in_the_contracts_language_too() -> None:
    texts = {
        "title": "Income",
        "local_title": "Ingreso",
        "description": "Yearly",
        "local_description": "Anual",
    }
    income = {"name": "income", "type": "number", "unit": "years", "local_unit": "años", **texts}
    amount = {"name": "amount", "type": "number", "changeable": False}
    share = {"name": "share", "type": "number", "follows": ["amount", "income"]}
    contract = Contract.model_validate(
        {
            "use_case": "x",
            "language": "es",
            "title": "Loan",
            "local_title": "Préstamo",
            "columns": [income, amount, share],
            "derived": [{"name": "ratio", "operation": "ratio", "of": ["amount", "income"]}],
            "outcome": {"name": "bad", "bad": [1], "good": [0]},
        }
    )
    schema = json_schema(contract)
    assert schema["x-languages"] == ["en", "es"]
    assert (schema["title"], schema["x-title-es"]) == ("Loan", "Préstamo")
    assert schema["properties"] == {
        "income": {
            "title": "Income",
            "description": "Yearly",
            "type": "number",
            "x-unit": "years",
            "x-title-es": "Ingreso",
            "x-description-es": "Anual",
            "x-unit-es": "años",
            "x-role": "feature",
            "x-changeable": True,
        },
        "amount": {"title": "amount", "type": "number", "x-role": "feature", "x-changeable": False},
        "share": {
            "title": "share",
            "type": "number",
            "x-role": "feature",
            "x-changeable": False,
            "x-follows": ["amount", "income"],
        },
    }
    assert schema["x-derived"] == {
        "ratio": {
            "title": "ratio",
            "description": "ratio of amount and income",
            "operation": "ratio",
            "of": ["amount", "income"],
        }
    }


def test_the_outcome_is_no_property(contract: Contract) -> None:
    schema = json_schema(contract)
    assert "bad" not in schema["properties"]
    assert schema["additionalProperties"] is False


def test_integers_are_limited_to_those_that_a_float_holds() -> None:
    count = {"name": "n", "type": "integer", "minimum": -1e18, "maximum": 1e18}
    outcome = {"name": "bad", "bad": [1], "good": [0]}
    contract = Contract.model_validate(
        {"use_case": "x", "title": "X", "columns": [count], "outcome": outcome}
    )
    assert json_schema(contract)["properties"]["n"]["minimum"] == -(2**53) + 1
    assert json_schema(contract)["properties"]["n"]["maximum"] == 2**53 - 1


def test_the_request_model_carries_the_schema(contract: Contract) -> None:
    assert request_model(contract).model_json_schema() == json_schema(contract)


def test_the_request_model_keeps_the_record_as_it_came(contract: Contract, record: dict[str, Any]) -> None:
    model = request_model(contract)
    assert model.model_validate(record).root == record
    assert model.model_validate_json(json.dumps(record)).root == record


def test_the_request_model_refuses_with_every_finding(contract: Contract, record: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        request_model(contract).model_validate(record | {"age": 144, "bad": 1})
    (error,) = refusal.value.errors()
    assert error["type"] == "record_invalid"
    assert error["msg"].startswith("age=144 years is out of range")
    assert [item["field"] for item in error["ctx"]["findings"]] == ["age", "bad"]


def test_a_message_may_hold_braces(contract: Contract, record: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        request_model(contract).model_validate(record | {"purpose": "{findings}"})
    assert refusal.value.errors()[0]["msg"] == "purpose='{findings}' is not one of: car, radio/TV, education"


def test_the_request_model_refuses_numbers_that_json_does_not_have(contract: Contract) -> None:
    with pytest.raises(ValidationError) as refusal:
        request_model(contract).model_validate_json('{"income": NaN}')
    assert "income=NaN is not a finite number" in refusal.value.errors()[0]["msg"]


def test_a_message_names_no_other_part_of_the_error(contract: Contract, record: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        request_model(contract).model_validate(record | {"purpose": "{message}"})
    assert refusal.value.errors()[0]["msg"] == "purpose='{message}' is not one of: car, radio/TV, education"


@pytest.mark.parametrize("body", ["[]", "3", "null", '"x"', "{", ""])
def test_the_request_model_refuses_what_is_no_object(contract: Contract, body: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        request_model(contract).model_validate_json(body)
    assert refusal.value.errors()[0]["type"] in ("dict_type", "json_invalid")
