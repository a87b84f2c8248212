"""What is wrong with a value, in words: the one place where refusals are phrased, for every door."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.scoring.contract import LONGEST_ID, Column, ColumnType, Contract

LONGEST_QUOTE = 60
ARTICLES = {
    ColumnType.NUMBER: "a number",
    ColumnType.INTEGER: "an integer",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.TIME: "a time such as 2026-11-20 or 2026-11-20T08:30:00",
    ColumnType.ID: f"text of 1 to {LONGEST_ID} characters, or an integer",
}


class Code(StrEnum):
    """Why a field was refused."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    NULL = "null"
    TYPE = "type"
    NOT_FINITE = "not_finite"
    RANGE = "range"
    LEVEL = "level"


@dataclass(frozen=True, slots=True)
class Finding:
    """One refused field: `value` is what was seen, shortened; `allowed` is what would have been accepted."""

    field: str
    code: Code
    value: str | None
    allowed: str
    message: str

    def as_json(self) -> dict[str, str | None]:
        """The finding as it appears in answers and quarantine files."""
        return {
            "field": self.field,
            "code": str(self.code),
            "value": self.value,
            "allowed": self.allowed,
            "message": self.message,
        }


def finding(column: Column, code: Code, value: object = None) -> Finding:
    """Return the finding for a declared column; `value` is the raw value, or the number once it was read."""
    name, allowed, seen = column.name, allowed_values(column), quote(value)
    unit = f" {column.unit}" if column.unit else ""
    messages = {
        Code.MISSING: f"{name} is missing; it must be {allowed}",
        Code.NULL: f"{name} is null; it must be {allowed}",
        Code.TYPE: f"{name}={seen} is not {ARTICLES.get(column.type, 'allowed')}; it must be {allowed}",
        Code.NOT_FINITE: f"{name}={seen} is not a finite number; it must be {allowed}",
        Code.RANGE: f"{name}={seen}{unit} is out of range; it must be {allowed}",
        Code.LEVEL: f"{name}={seen} is not {allowed}",
    }
    return Finding(name, code, None if code is Code.MISSING else seen, allowed, messages[code])


def unknown_field(contract: Contract, name: str) -> Finding:
    """Return the finding for a field that the contract does not declare."""
    if name == contract.outcome.name:
        reason = "is the outcome, which nobody knows at the time of a decision; leave it out"
    else:
        reason = f"is not a field of {contract.use_case}"
    allowed = "one of: " + ", ".join(column.name for column in contract.columns)
    label = _sendable(name if len(name) <= LONGEST_QUOTE else name[:LONGEST_QUOTE] + "…")
    return Finding(label, Code.UNKNOWN, None, allowed, f"{label or quote('')} {reason}")


def allowed_values(column: Column) -> str:
    """Describe in words what a column accepts."""
    if column.type is ColumnType.CATEGORY:
        text = "one of: " + ", ".join(str(level) for level in column.levels)
    else:
        text = ARTICLES[column.type] + _limits(column)
    return f"{text} (or null)" if column.accepts_null else text


def quote(value: Any) -> str:
    """Render a value for a message: numbers plainly, text in quotes, anything long shortened."""
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() and abs(value) < 1e16 else _float_text(value)
    elif isinstance(value, str):
        text = f"'{value[: LONGEST_QUOTE + 1]}'"
    elif isinstance(value, int) and abs(value) >= 10**LONGEST_QUOTE:
        text = f"an integer of more than {LONGEST_QUOTE} digits"
    else:
        text = _json_text(value)
    return _sendable(text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…")


def _json_text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "a value nested too deeply to show"


def _sendable(text: str) -> str:
    # JSON can escape half a surrogate pair, which no answer, file or log can hold.
    return text.encode("utf-8", "replace").decode()


def _limits(column: Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        return f" from {quote(low)} to {quote(high)}{unit}"
    if low is not None:
        return f" of at least {quote(low)}{unit}"
    if high is not None:
        return f" of at most {quote(high)}{unit}"
    return ""


def _float_text(value: float) -> str:
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))
