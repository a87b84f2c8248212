from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from service.scoring.contract import Column, Contract, Derived, Operation, Role
from tests.scoring.lending import LENDING
from tests.scoring.strategies import USUAL, contracts


def column(**fields: Any) -> Column:
    return Column.model_validate({"name": "x", "type": "number"} | fields)


def lending(**changes: Any) -> Contract:
    return Contract.model_validate(LENDING | changes)


def message_of(refusal: pytest.ExceptionInfo[ValidationError]) -> str:
    return str(refusal.value.errors()[0]["msg"]).removeprefix("Value error, ")


@USUAL
@given(contract=contracts())
def test_a_contract_read_back_from_its_json_is_the_same(contract: Contract) -> None:
    again = Contract.model_validate_json(contract.to_json())
    assert again == contract
    assert again.to_json() == contract.to_json()
    assert again.version == contract.version


def test_the_version_is_16_hex_digits_that_change_with_any_rule(contract: Contract) -> None:
    versions = {contract.version, lending(title="Other").version, lending(ignored=[]).version}
    assert len(versions) == 3
    assert all(len(version) == 16 and int(version, 16) >= 0 for version in versions)


def test_the_version_does_not_depend_on_how_the_contract_was_written(contract: Contract) -> None:
    spelled_out = contract.model_dump(mode="json")
    assert Contract.model_validate(dict(reversed(spelled_out.items()))).version == contract.version


def test_inputs_are_the_features_then_the_derived_columns(contract: Contract) -> None:
    assert contract.inputs == (
        *("age", "income", "amount", "purpose", "Saving accounts", "pay.status", "employed"),
        *("amount to income", "income left", "log of income", "hour", "weekday"),
    )


def test_protected_id_and_time_columns_are_no_features(contract: Contract) -> None:
    assert {item.role for item in contract.features} == {Role.FEATURE}
    assert [item.name for item in contract.of_role(Role.PROTECTED)] == ["sex"]
    assert [item.name for item in contract.of_role(Role.TIME)] == ["applied at"]
    assert [item.name for item in contract.of_role(Role.ID)] == ["application_id"]


def test_columns_are_found_by_name(contract: Contract) -> None:
    assert contract.by_name["pay.status"].levels == (0, 1, 2)


@pytest.mark.parametrize("role", [Role.PROTECTED, Role.ID, Role.TIME])
def test_only_features_can_be_required(role: Role) -> None:
    protected = column(type="category", levels=["a"], role=role)
    assert not protected.must_be_present
    assert protected.accepts_null


@pytest.mark.parametrize(
    ("fields", "accepts"),
    [
        ({}, False),
        ({"nullable": True}, True),
        ({"required": False}, True),
        ({"type": "category", "levels": ["NA", "a"], "null_level": "NA"}, True),
    ],
)
def test_null_is_accepted_where_declared_or_where_the_column_may_be_absent(
    fields: dict[str, Any], accepts: bool
) -> None:
    assert column(**fields).accepts_null is accepts


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "category"}, "x: a category has levels, and nothing else has"),
        ({"levels": ["a"]}, "x: a category has levels, and nothing else has"),
        ({"type": "category", "levels": ["a", "a"]}, "x: levels must be distinct and all of one type"),
        ({"type": "category", "levels": ["1", 1]}, "x: levels must be distinct and all of one type"),
        (
            {"type": "category", "levels": ["a"], "null_level": "NA"},
            "x: null_level 'NA' is not one of its levels",
        ),
        ({"type": "time"}, "x: a time column cannot be a feature; derive one from it"),
        ({"type": "id"}, "x: a id column cannot be a feature; derive one from it"),
        ({"minimum": 2, "maximum": 1}, "x: minimum 2.0 is above maximum 1.0"),
    ],
)
def test_refuses_a_column_that_contradicts_itself(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        column(**fields)
    assert message_of(refusal) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ignored": ["age"]}, "declared twice: age"),
        ({"outcome": {"name": "income", "bad": [1], "good": [0]}}, "declared twice: income"),
        (
            {"derived": [{"name": "r", "operation": "log", "of": ["salary"]}]},
            "r is derived from 'salary', which is no number among the features",
        ),
        (
            {"derived": [{"name": "r", "operation": "log", "of": ["sex"]}]},
            "r is derived from 'sex', which is no number among the features",
        ),
        (
            {"derived": [{"name": "r", "operation": "log", "of": ["application_id"]}]},
            "r is derived from 'application_id', which is no number among the features",
        ),
        ({"columns": [], "derived": []}, "a contract needs at least one feature"),
    ],
)
def test_refuses_a_contract_that_contradicts_itself(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        lending(**changes)
    assert message_of(refusal) == message


@pytest.mark.parametrize(
    ("operation", "of"),
    [("ratio", ["a"]), ("difference", ["a", "b", "c"]), ("log", []), ("hour", ["a", "b"])],
)
def test_refuses_a_derived_column_of_too_few_or_too_many_others(operation: str, of: list[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        Derived(name="r", operation=Operation(operation), of=tuple(of))
    assert message_of(refusal).startswith(f"r: {operation} takes ")


@pytest.mark.parametrize("use_case", ["", "Lending", "1st", "a-b", "../x", "a" * 64])
def test_refuses_a_use_case_that_is_no_plain_name(use_case: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        lending(use_case=use_case)
    assert refusal.value.errors()[0]["loc"] == ("use_case",)


def test_refuses_a_setting_it_does_not_know() -> None:
    with pytest.raises(ValidationError) as refusal:
        column(maximun=3)
    assert message_of(refusal) == "Extra inputs are not permitted"


def test_a_contract_cannot_be_changed(contract: Contract) -> None:
    with pytest.raises(ValidationError) as refusal:
        contract.title = "Other"
    assert message_of(refusal) == "Instance is frozen"


SPANISH = LENDING | {"language": "es", "local_title": "Préstamos"}


def test_a_contract_in_english_has_no_second_text() -> None:
    with pytest.raises(ValidationError) as refusal:
        lending(local_title="Préstamos")
    assert message_of(refusal) == (
        "the contract: local_title is in no language; declare the contract's language: es or pt"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"local_title": ""},
            "the contract has a title and no local_title: texts are in English and in 'es'",
        ),
        ({"description": "About"}, "the contract has a description and no local_description"),
        ({"local_description": "Sobre"}, "the contract has a local_description and no description"),
        ({}, "age has a unit and no local_unit: texts are in English and in 'es'"),
    ],
)
def test_a_contract_in_another_language_says_everything_twice(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Contract.model_validate(SPANISH | change)
    assert message_of(refusal).startswith(message)


def test_a_contract_tells_in_which_languages_it_is() -> None:
    columns = [item | {"local_unit": item.get("unit", "")} for item in LENDING["columns"]]
    assert Contract.model_validate(SPANISH | {"columns": columns}).languages == ("en", "es")
    assert lending().languages == ("en",)


def test_derived_columns_have_texts_in_the_contracts_language_too() -> None:
    columns = [item | {"local_unit": item.get("unit", "")} for item in LENDING["columns"]]
    derived = [item | {"title": "Derived"} for item in LENDING["derived"]]
    with pytest.raises(ValidationError) as refusal:
        Contract.model_validate(SPANISH | {"columns": columns, "derived": derived})
    assert message_of(refusal).startswith("amount to income has a title and no local_title")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"follows": ("amount", "nothing")}, "x follows 'nothing', which is no number among the features"),
        ({"follows": ("amount", "purpose")}, "x follows 'purpose', which is no number among the features"),
        ({"follows": ("amount", "x")}, "x follows 'x', which is no number among the features"),
        ({"follows": ("amount", "age"), "type": "integer"}, "x: only a number among the features can follow"),
        (
            {"follows": ("amount", "age"), "role": "protected"},
            "x: only a number among the features can follow",
        ),
    ],
)
def test_what_follows_is_a_ratio_of_two_other_numbers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        lending(columns=[*LENDING["columns"], {"name": "x", "type": "number"} | change])
    assert message_of(refusal).startswith(message)


@pytest.mark.parametrize("follows", [["amount"], ["amount", "age", "income"]])
def test_a_ratio_follows_exactly_two_columns(follows: list[str]) -> None:
    with pytest.raises(ValidationError):
        column(follows=follows)
    assert column(follows=["amount", "age"]).follows == ("amount", "age")


@pytest.mark.parametrize("titles", [["Car"], ["Car", "Car"], ["Car", "Boat", "Train"]])
def test_levels_have_a_title_each_or_none_has(titles: list[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        column(type="category", levels=["car", "boat"], level_titles=titles)
    assert message_of(refusal) == "x: titles of levels are one for each, all of them different"
    assert column(type="category", levels=["car", "boat"], level_titles=["Car", "Boat"]).level_titles
