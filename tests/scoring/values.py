"""Values for one column, good and bad, as JSON and as the cells of a table or a text file hold them."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from service.scoring.contract import Column, ColumnType
from service.scoring.readers import TIME_PATTERN, from_text

Values = st.SearchStrategy[Any]

MARKERS = ("?", "", "-1", "N/A", "NA", "nan")
ODD_TEXTS = (
    "", " ", "22", " 22 ", "+3", "--3", "+-3", "1e5", "1E400", "-1e-400", ".5", "5.", ".", "1e", "0x10", "1_000",
    "1,5", "nan", "NaN", "-nan", "+-nan", "--inf", "nan(1)", "inf", "+Inf", "-Infinity", "\u0663", "\u00a07", "3\n",
    "3.0", "TRUE", " false", "yes", "1", "0", "2", "-0", "-0.0", "null", "None", "1\x00", "9007199254740993",
    "é" * 201, "🙂" * 200,
)  # fmt: skip
ODD_TIMES = (
    "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "9999-12-31T23:59:59",
    "1969-12-31", "2024-13-01", "2024-00-10", "2024-01-00", "2024-04-31", "2024-01-01T24:00", "2024-01-01T23:60",
    "2024-01-01 23:59:60", "2024-01-01t10:00", "2024-01-01T10:00:00.5Z", "2024-01-01 10:00:00.123456789+02:00",
    "2024-01-01T10:00-0530", "2024-01-01T10", "2024-01-01T10:00:00.", "2024-01-01T10:00+2", "2024-01-01 10:00 Z",
    "2024-1-1", " 2024-01-01", "2024-01-01\n", "2024-01-01Z", "20240101", "2024-01-01T10:00:00+99:99",
    "\uff12024-01-01",
)  # fmt: skip
_EDGES = (2**53 - 1, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1, 2**63 - 1, -(2**63), 0, 17, 18, 120, 121)
_WHOLE = st.one_of(st.sampled_from(_EDGES), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 130))

# What an arrow column of each type can hold, whatever the contract says of it.
ARROW_TYPES: dict[str, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "huge": pa.decimal128(38, 0),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "null": pa.null(),
    "list": pa.list_(pa.int64()),
}


def any_of_kind(column: Column, kind: str) -> Values:
    """Values of one JSON type, few of which the column accepts."""
    strategies: dict[str, Values] = {
        "number": st.one_of(
            st.floats(), st.sampled_from([0.1, -0.0, 3.0, 3.5, 1e22, 17.999999, 120.0000001])
        ),
        "integer": _WHOLE,
        "huge": st.integers(-(10**37), 10**37),
        "text": texts(column),
        "boolean": st.booleans(),
        "null": st.none(),
        "list": st.lists(st.integers(0, 3), max_size=2),
    }
    return strategies[kind]


def good_kinds(column: Column) -> tuple[str, ...]:
    """The JSON types among which the column finds values that it accepts."""
    if column.type is ColumnType.CATEGORY:
        return ("text",) if isinstance(column.levels[0], str) else ("integer", "number")
    return {
        ColumnType.NUMBER: ("number", "integer"),
        ColumnType.INTEGER: ("integer", "number"),
        ColumnType.BOOLEAN: ("boolean",),
        ColumnType.TIME: ("text",),
        ColumnType.ID: ("text", "integer", "number"),
    }[column.type]


def good(column: Column, kind: str) -> Values:
    """Values of one of the column's own JSON types, most of which it accepts."""
    if column.type is ColumnType.CATEGORY:
        levels = st.sampled_from(column.levels)
        return levels.map(float) if kind == "number" else levels
    if column.type is ColumnType.BOOLEAN:
        return st.booleans()
    if column.type is ColumnType.TIME:
        return times()
    if kind == "text":
        return st.text(min_size=1, max_size=5)
    low, high = _limits(column)
    whole = st.integers(-int(-low // 1), int(high // 1)) if -(-low // 1) <= high // 1 else st.just(round(low))
    if kind == "integer":
        return whole
    return (
        st.one_of(st.floats(low, high), whole.map(float))
        if column.type is ColumnType.NUMBER
        else whole.map(float)
    )


def texts(column: Column) -> st.SearchStrategy[str]:
    """Cells of a text file that this column accepts, and cells that it does not."""
    fitting = times() if column.type is ColumnType.TIME else st.one_of(
        *[good(column, kind).map(str) for kind in good_kinds(column)]
    )  # fmt: skip
    odd = st.one_of(st.sampled_from(ODD_TEXTS), st.sampled_from(MARKERS), st.text(max_size=4))
    return st.one_of(fitting, fitting, fitting, odd)


def times() -> st.SearchStrategy[str]:
    """ISO 8601, nearly ISO 8601, and dates that no calendar has."""
    parts = st.tuples(
        st.sampled_from([1, 1600, 1900, 1969, 1970, 2000, 2023, 2024, 9999]),
        st.integers(0, 13),
        st.integers(0, 32),
        st.sampled_from(["", "T07:08", " 23:59:59", "T00:00:00.25", " 24:00", "T12:61:00"]),
        st.sampled_from(["", "Z", "+02:00", "-0530"]),
    )
    built = parts.map(lambda p: f"{p[0]:04d}-{p[1]:02d}-{p[2]:02d}{p[3]}{p[4]}")
    matching = st.from_regex(re.compile(TIME_PATTERN, re.ASCII), fullmatch=True)
    return st.one_of(built, built, st.sampled_from(ODD_TIMES), matching)


def json_values(column: Column) -> Values:
    """Values of every type that JSON has."""
    nested = st.one_of(
        st.lists(st.integers(0, 3), max_size=2), st.dictionaries(st.text(max_size=2), st.none())
    )
    numbers = st.one_of(
        _WHOLE, st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([-0.0, 3.5, 2.0**53])
    )
    return st.one_of(st.none(), st.booleans(), numbers, texts(column), nested)


def meaning(column: Column, cell: str | None) -> object:
    """Return what a cell of a text file stands for, missing markers included."""
    return None if cell is None or cell in column.missing_markers else from_text(column, cell)


def _limits(column: Column) -> tuple[float, float]:
    low, high = column.minimum, column.maximum
    if low is None:
        low = -1000.0 if high is None else high - 1000.0
    return low, low + 1000.0 if high is None else high
