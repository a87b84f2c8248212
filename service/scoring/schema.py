"""The contract as JSON Schema 2020-12, and as a pydantic request model that applies the contract's own rules."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetJsonSchemaHandler, RootModel, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from service.scoring.contract import (
    LARGEST_EXACT_INTEGER,
    LONGEST_ID,
    Column,
    ColumnType,
    Contract,
    Derived,
    Role,
)
from service.scoring.language import Language
from service.scoring.readers import TIME_PATTERN
from service.scoring.validation import RecordInvalid, Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Named groups are written differently, and \\d means different digits, from one language to the next.
_PORTABLE_TIME_PATTERN = re.sub(r"\?P<\w+>", "", TIME_PATTERN).replace(r"\d", "[0-9]")


def json_schema(contract: Contract) -> dict[str, Any]:
    """Return the schema of one record; it accepts what `Validator.check_record` accepts.

    What a form needs beside the standard's words: `x-unit`, `x-level-titles` (one per level, in the order of `enum`),
    `x-role`, `x-changeable` (a person could change it before asking again), `x-follows` (the numerator and the
    denominator of a ratio that is sent too), and every text once more in the contract's language: `x-title-es`,
    `x-description-es`, `x-unit-es`, `x-level-titles-es` where that is Spanish. `x-languages` says which ones there
    are, English first; `x-derived` describes the inputs that are computed from others.
    """
    properties = {column.name: _property(column, contract.language) for column in contract.columns}
    properties |= {name: {"description": "Accepted and not looked at."} for name in contract.ignored}
    return {
        "$schema": DIALECT,
        "title": contract.title,
        "description": contract.description,
        **_local_texts(contract, contract.language),
        "x-languages": list(contract.languages),
        "x-derived": {item.name: _derived(item, contract.language) for item in contract.derived},
        "type": "object",
        "properties": properties,
        "required": [column.name for column in contract.columns if column.must_be_present],
        "additionalProperties": False,
        "examples": [example_record(contract)],
    }


def example_record(contract: Contract) -> dict[str, Any]:
    """Return the declared example of every column that has one."""
    return {column.name: column.example for column in contract.columns if column.example is not None}


def request_model(contract: Contract) -> type[RootModel[dict[str, Any]]]:
    """Return a pydantic model of one record, validated by the contract's rules and documented by its schema."""
    validator, schema = Validator(contract), json_schema(contract)

    class Record(RootModel[dict[str, Any]]):
        """One record of the use case."""

        @model_validator(mode="after")
        def _hold_against_contract(self) -> Record:
            try:
                validator.check_record(self.root)
            except RecordInvalid as error:
                raise PydanticCustomError(
                    "record_invalid",
                    "{message}",
                    # The message comes last: pydantic fills in key by key, and a value sent may say {findings}.
                    {"findings": [item.as_json() for item in error.findings], "message": str(error)},
                ) from None
            return self

        @classmethod
        def __get_pydantic_json_schema__(
            cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
        ) -> JsonSchemaValue:
            return schema

    return Record


def _property(column: Column, language: Language) -> dict[str, Any]:
    kind = _KINDS[column.type](column)
    body: dict[str, Any] = {"title": column.title or column.name}
    if column.accepts_null and "enum" in kind:
        kind["enum"] = [*kind["enum"], None]
    elif column.accepts_null:
        kind["type"] = [*kind["type"], "null"] if isinstance(kind["type"], list) else [kind["type"], "null"]
    if column.description:
        body["description"] = column.description
    body |= kind
    if column.unit:
        body["x-unit"] = column.unit
    if column.level_titles:
        body["x-level-titles"] = list(column.level_titles)
    body |= _local_texts(column, language)
    if column.local_level_titles:
        body[f"x-level-titles-{language}"] = list(column.local_level_titles)
    body["x-role"] = str(column.role)
    if column.role is Role.FEATURE:
        body["x-changeable"] = column.changeable and not column.follows
    if column.follows:
        body["x-follows"] = list(column.follows)
    if column.example is not None:
        body["examples"] = [column.example]
    return body


def _derived(item: Derived, language: Language) -> dict[str, Any]:
    text = item.description or f"{item.operation} of {' and '.join(item.of)}"
    texts = {"title": item.title or item.name, "description": text, **_local_texts(item, language)}
    return {**texts, "operation": str(item.operation), "of": list(item.of)}


def _local_texts(item: Column | Derived | Contract, language: Language) -> dict[str, str]:
    texts = {name: getattr(item, f"local_{name}", "") for name in ("title", "description", "unit")}
    return {f"x-{name}-{language}": text for name, text in texts.items() if text}


def _number(column: Column) -> dict[str, Any]:
    low, high = column.minimum, column.maximum
    if column.type is ColumnType.INTEGER:
        low = -LARGEST_EXACT_INTEGER if low is None else max(low, -LARGEST_EXACT_INTEGER)
        high = LARGEST_EXACT_INTEGER if high is None else min(high, LARGEST_EXACT_INTEGER)
    body: dict[str, Any] = {"type": str(column.type)}
    if low is not None:
        body["minimum"] = _plain(low)
    if high is not None:
        body["maximum"] = _plain(high)
    return body


def _plain(number: float) -> float:
    return int(number) if float(number).is_integer() else number


_KINDS: dict[ColumnType, Any] = {
    ColumnType.NUMBER: _number,
    ColumnType.INTEGER: _number,
    ColumnType.CATEGORY: lambda column: {"enum": list(column.levels)},
    ColumnType.BOOLEAN: lambda _: {"type": "boolean"},
    ColumnType.TIME: lambda _: {"type": "string", "pattern": _PORTABLE_TIME_PATTERN},
    ColumnType.ID: lambda _: {"type": ["string", "integer"], "minLength": 1, "maxLength": LONGEST_ID},
}
