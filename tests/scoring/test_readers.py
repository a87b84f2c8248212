from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from service.scoring.contract import Column
from service.scoring.readers import Refusal, from_text, reader


def column(kind: str, **fields: Any) -> Column:
    roles = {"time": "time", "id": "id"}
    return Column.model_validate({"name": "x", "type": kind, "role": roles.get(kind, "feature")} | fields)


NUMBER = column("number", minimum=-1, maximum=1e6)
INTEGER = column("integer")
TEXT = column("category", levels=["a", "1"])
WHOLE = column("category", levels=[1, 3])
BOOLEAN = column("boolean")
TIME = column("time")
ID = column("id")


def refusal_of(tested: Column, value: object) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        reader(tested)(value)
    return refusal.value


@pytest.mark.parametrize(
    ("tested", "value", "expected"),
    [
        (NUMBER, 22, 22.0),
        (NUMBER, -1.0, -1.0),
        (NUMBER, 1e6, 1e6),
        (INTEGER, 3.0, 3.0),
        (INTEGER, -(2**53) + 1, -9007199254740991.0),
        (INTEGER, 2**53 - 1, 9007199254740991.0),
        (TEXT, "1", 1.0),
        (WHOLE, 3, 1.0),
        (WHOLE, 3.0, 1.0),
        (BOOLEAN, True, 1.0),
        (BOOLEAN, False, 0.0),
    ],
)
def test_reads_a_value_as_a_float(tested: Column, value: object, expected: float) -> None:
    read = reader(tested)(value)
    assert (type(read), read) == (float, expected)


@pytest.mark.parametrize(
    ("tested", "value", "code"),
    [
        (NUMBER, "22", "type"),
        (NUMBER, True, "type"),
        (NUMBER, [22], "type"),
        (NUMBER, {}, "type"),
        (NUMBER, None, "null"),
        (NUMBER, math.nan, "not_finite"),
        (NUMBER, -math.inf, "not_finite"),
        (NUMBER, 10**400, "not_finite"),
        (NUMBER, math.nextafter(1e6, 2e6), "range"),
        (INTEGER, 3.5, "type"),
        (INTEGER, "3", "type"),
        (INTEGER, 2**53, "range"),
        (INTEGER, 2**53 + 1, "range"),
        (INTEGER, -(2**53) - 1, "range"),
        (INTEGER, 1e300, "range"),
        (TEXT, 1, "level"),
        (TEXT, "A", "level"),
        (TEXT, "a ", "level"),
        (TEXT, ["a"], "level"),
        (TEXT, None, "null"),
        (WHOLE, "1", "level"),
        (WHOLE, True, "level"),
        (WHOLE, 1.5, "level"),
        (WHOLE, math.nan, "level"),
        (BOOLEAN, 1, "type"),
        (BOOLEAN, "true", "type"),
        (TIME, 20240101, "type"),
        (TIME, "yesterday", "type"),
        (ID, "", "type"),
        (ID, "x" * 201, "type"),
        (ID, True, "type"),
        (ID, 1.5, "type"),
        (ID, math.inf, "type"),
        (ID, 10**200, "type"),
        (ID, "\ud800", "type"),
        (ID, [1], "type"),
    ],
)
def test_refuses_a_value_with_its_reason(tested: Column, value: object, code: str) -> None:
    assert refusal_of(tested, value).code == code


def test_a_number_is_refused_with_the_float_that_was_read() -> None:
    assert refusal_of(INTEGER, 10**400).value == math.inf


@pytest.mark.parametrize("value", ["x", "x" * 200, "🙂", 7, 7.0, -(10**199)])
def test_an_id_is_text_or_an_integer_and_no_input(value: object) -> None:
    assert math.isnan(reader(ID)(value))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"null_level": "NA"}, 1.0), ({"nullable": True}, math.nan), ({"required": False}, math.nan)],
)
def test_a_null_is_its_level_or_no_number(fields: dict[str, Any], expected: float) -> None:
    read = reader(column("category", levels=["a", "NA"], **fields))(None)
    assert read == expected or (math.isnan(read) and math.isnan(expected))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-02-29", datetime(2024, 2, 29)),
        ("2024-02-29T23:59:59", datetime(2024, 2, 29, 23, 59, 59)),
        ("2024-02-29 23:59", datetime(2024, 2, 29, 23, 59)),
        ("1969-12-31T23:59:59.999", datetime(1969, 12, 31, 23, 59, 59)),
        ("2024-02-29T23:00:00+05:30", datetime(2024, 2, 29, 23)),
        ("2024-02-29T23:00:00Z", datetime(2024, 2, 29, 23)),
        ("0001-01-01", datetime(1, 1, 1)),
        ("9999-12-31 23:59:59", datetime(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_a_time_counts_as_written_in_seconds_since_1970(written: str, meant: datetime) -> None:
    assert reader(TIME)(written) == meant.replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "written",
    ["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "0000-01-01", "2024-01-01T24:00", "2024-01-01T10:60",
     "2024-01-01 10:00:60", "2024-01-01t10:00", "2024-01-01\n", "2024-1-1", "\u0662024-01-01", "2024-01-01Z", ""],
)  # fmt: skip
def test_refuses_a_time_that_no_calendar_or_clock_shows(written: str) -> None:
    assert refusal_of(TIME, written).value == written


@pytest.mark.parametrize(
    ("tested", "text", "meant"),
    [
        (NUMBER, "22", 22.0),
        (NUMBER, " +2.50e1 ", 25.0),
        (NUMBER, ".5", 0.5),
        (NUMBER, "5.", 5.0),
        (NUMBER, "1e999", math.inf),
        (NUMBER, "-Infinity", -math.inf),
        (NUMBER, "1_000", "1_000"),
        (NUMBER, "0x10", "0x10"),
        (NUMBER, "1,5", "1,5"),
        (NUMBER, "--inf", "--inf"),
        (NUMBER, "+-nan", "+-nan"),
        (NUMBER, "\u0663", "\u0663"),
        (NUMBER, "", ""),
        (WHOLE, "3", 3.0),
        (WHOLE, "3.0", 3.0),
        (WHOLE, "three", "three"),
        (TEXT, "1", "1"),
        (TEXT, " a", " a"),
        (BOOLEAN, "TRUE", True),
        (BOOLEAN, " 0 ", False),
        (BOOLEAN, "yes", "yes"),
        (TIME, "2024-01-01", "2024-01-01"),
        (ID, "007", "007"),
    ],
)
def test_a_cell_of_text_stands_for_a_value_of_its_column(tested: Column, text: str, meant: object) -> None:
    assert from_text(tested, text) == meant
    assert type(from_text(tested, text)) is type(meant)


def test_a_cell_that_says_nan_stands_for_no_number() -> None:
    read = from_text(NUMBER, "-NaN")
    assert isinstance(read, float)
    assert math.isnan(read)
