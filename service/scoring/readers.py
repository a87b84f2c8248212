"""From a raw value to the float64 that the model sees, or to the reason why not: one definition per column.

A *reader* takes one value as it came (a JSON value, or a cell of a table) and returns a float: the number, the
index of the level, 0 or 1, or the seconds since 1970 as written; NaN for null. It raises `Refusal` otherwise.
Numeric rules are written with operators alone, so that the same expression judges one float or a column.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from service.scoring.contract import LARGEST_EXACT_INTEGER, LONGEST_ID, Column, ColumnType, Level
from service.scoring.findings import Code

Reader: TypeAlias = Callable[[Any], float]

TIME_PATTERN = (
    r"^(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?"
    r"(?:Z|[+-]\d{2}:?\d{2})?)?$"
)
_TIME = re.compile(TIME_PATTERN, re.ASCII)
_NUMBER_TEXT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE_TEXT = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
# Half a surrogate pair: JSON can escape it, and no file or log can hold it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_NULL = math.nan


class Refusal(Exception):
    """A value that a column does not accept; `value` is what to show, the number once it was read as one."""

    def __init__(self, code: Code, value: object) -> None:
        self.code = code
        self.value = value
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class NumericRule:
    """A condition on a number; `holds` takes a float and returns a bool, or an array and returns an array."""

    code: Code
    holds: Callable[[Any], Any]


def numeric_rules(column: Column) -> tuple[NumericRule, ...]:
    """Return the conditions on a numeric column, in the order in which they are reported."""
    rules = [NumericRule(Code.NOT_FINITE, lambda x: abs(x) <= sys.float_info.max)]
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    if column.type is ColumnType.INTEGER:
        rules.append(NumericRule(Code.TYPE, lambda x: x // 1 == x))
        low, high = max(low, -LARGEST_EXACT_INTEGER), min(high, LARGEST_EXACT_INTEGER)
    if low > -math.inf or high < math.inf:
        rules.append(NumericRule(Code.RANGE, lambda x: (x >= low) & (x <= high)))
    return tuple(rules)


def reader(column: Column) -> Reader:
    """Return the reader of a column; it accepts and refuses nulls as the column declares."""
    read = _READERS[column.type](column)
    if column.null_level is not None:
        null = float(column.levels.index(column.null_level))
    elif column.accepts_null:
        null = _NULL
    else:
        return _refusing_null(read)

    def read_nullable(value: Any) -> float:
        return null if value is None else read(value)

    return read_nullable


def from_text(column: Column, text: str) -> object:
    """Return what a cell of a text file stands for, or the text itself where it stands for nothing else."""
    if column.is_numeric or _has_integer_levels(column):
        stripped = text.strip()
        if _NUMBER_TEXT.fullmatch(stripped):
            return float(stripped)
        return float(stripped) if _NOT_FINITE_TEXT.fullmatch(stripped) else text
    if column.type is ColumnType.BOOLEAN:
        return {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower(), text)
    return text


def _refusing_null(read: Reader) -> Reader:
    def read_required(value: Any) -> float:
        if value is None:
            raise Refusal(Code.NULL, None)
        return read(value)

    return read_required


def _number_reader(column: Column) -> Reader:
    rules = [(rule.code, rule.holds) for rule in numeric_rules(column)]

    def read(value: Any) -> float:
        if type(value) is not float:
            value = _float_of(value)
        for code, holds in rules:
            if not holds(value):
                raise Refusal(code, value)
        return value  # type: ignore[no-any-return]  # it is a float by now

    return read


def _float_of(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refusal(Code.TYPE, value)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _category_reader(column: Column) -> Reader:
    index: dict[Level, float] = {level: float(i) for i, level in enumerate(column.levels)}
    kinds = (int, float) if _has_integer_levels(column) else (str,)

    def read(value: Any) -> float:
        if isinstance(value, kinds) and not isinstance(value, bool):
            found = index.get(value)  # type: ignore[arg-type]  # 3.0 finds the level 3
            if found is not None:
                return found
        raise Refusal(Code.LEVEL, value)

    return read


def _boolean_reader(_: Column) -> Reader:
    def read(value: Any) -> float:
        if isinstance(value, bool):
            return float(value)
        raise Refusal(Code.TYPE, value)

    return read


def _time_reader(_: Column) -> Reader:
    def read(value: Any) -> float:
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise Refusal(Code.TYPE, value)
        parts = {name: int(text) for name, text in match.groupdict().items() if text}
        try:
            return datetime(**parts, tzinfo=UTC).timestamp()
        except ValueError:
            raise Refusal(Code.TYPE, value) from None

    return read


def _id_reader(_: Column) -> Reader:
    def read(value: Any) -> float:
        if isinstance(value, str) and 1 <= len(value) <= LONGEST_ID and not _SURROGATE.search(value):
            return _NULL
        if _is_whole(value) and abs(value) < 10**LONGEST_ID:
            return _NULL
        raise Refusal(Code.TYPE, value)

    return read


def _is_whole(value: Any) -> bool:
    # JSON knows one kind of number, so 3.0 is an integer; a column of integers with nulls often comes as floats.
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def _has_integer_levels(column: Column) -> bool:
    return bool(column.levels) and isinstance(column.levels[0], int)


_READERS: dict[ColumnType, Callable[[Column], Reader]] = {
    ColumnType.NUMBER: _number_reader,
    ColumnType.INTEGER: _number_reader,
    ColumnType.CATEGORY: _category_reader,
    ColumnType.BOOLEAN: _boolean_reader,
    ColumnType.TIME: _time_reader,
    ColumnType.ID: _id_reader,
}
