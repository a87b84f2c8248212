"""Columns of a table may be of any arrow type that can hold the values; the floats are the same."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.columns import Refused, read_column
from service.scoring.contract import Column
from service.scoring.readers import reader
from tests.scoring.strategies import USUAL

AMOUNT = Column.model_validate({"name": "x", "type": "number", "nullable": True})
COUNT = Column.model_validate({"name": "x", "type": "integer"})
TEXT = Column.model_validate({"name": "x", "type": "category", "levels": ["a", "b"]})
WHOLE = Column.model_validate({"name": "x", "type": "category", "levels": [0, 1, 2]})
BOOLEAN = Column.model_validate({"name": "x", "type": "boolean"})
TIME = Column.model_validate({"name": "x", "type": "time", "role": "time"})
ID = Column.model_validate({"name": "x", "type": "id", "role": "id"})


def read(
    column: Column, array: pa.Array | pa.ChunkedArray, *, text: bool = False
) -> tuple[list[Any], list[Refused]]:
    values, refused = read_column(column, reader(column), pa.chunked_array(array), text=text)
    return [None if math.isnan(value) else value for value in values.tolist()], refused


def accepted(column: Column, array: pa.Array, *, text: bool = False) -> list[Any]:
    values, refused = read(column, [array], text=text)
    assert refused == []
    return values


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(),
     pa.decimal128(10, 0), pa.decimal128(12, 3), pa.decimal256(40, 2)],
)  # fmt: skip
def test_an_integer_may_stand_in_any_column_of_numbers(kind: pa.DataType) -> None:
    values = [Decimal(value) if pa.types.is_decimal(kind) else value for value in (0, 1, 2)]
    assert accepted(COUNT, pa.array(values, kind)) == [0.0, 1.0, 2.0]
    assert accepted(WHOLE, pa.array(values, kind)) == [0.0, 1.0, 2.0]
    assert accepted(ID, pa.array(values, kind)) == [None, None, None]


@USUAL
@given(units=st.lists(st.integers(-(10**17), 10**17), min_size=1), scale=st.integers(0, 6))
def test_a_decimal_has_the_bits_of_the_same_number_in_a_text_file(units: list[int], scale: int) -> None:
    written = [Decimal(unit).scaleb(-scale) for unit in units]
    array = pa.array(written, pa.decimal128(24, scale))
    assert accepted(AMOUNT, array) == [float(str(value)) for value in written]


def test_a_decimal_is_shown_as_it_was_written() -> None:
    decimals = pa.array([Decimal(10**20), Decimal("0.5")], pa.decimal128(38, 1))
    _, refused = read(BOOLEAN, [decimals])
    assert [repr(value) for block in refused for value in block.values] == ["100000000000000000000", "0.5"]


def test_an_integer_column_with_a_null_that_became_floats_still_holds_ids() -> None:
    assert accepted(ID, pa.array([101.0, None, 103.0])) == [None, None, None]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_of_any_width_is_text(kind: pa.DataType) -> None:
    assert accepted(TEXT, pa.array(["b", "a"], kind)) == [1.0, 0.0]
    assert accepted(TIME, pa.array(["1970-01-01 00:01", None], kind)) == [60.0, None]
    assert accepted(ID, pa.array(["x", None], kind)) == [None, None]
    assert accepted(AMOUNT, pa.array(["1.5", None], kind), text=True) == [1.5, None]


def test_a_dictionary_is_read_by_its_values() -> None:
    assert accepted(TEXT, pa.array(["b", "a", "b"]).dictionary_encode()) == [1.0, 0.0, 1.0]
    assert accepted(AMOUNT, pa.array([1.5, None, 1.5]).dictionary_encode()) == [1.5, None, 1.5]
    assert accepted(TIME, pa.array(["1970-01-02"]).dictionary_encode()) == [86400.0]


def test_a_column_in_chunks_keeps_its_order() -> None:
    chunks = [pa.array(["b"]), pa.array([], pa.string()), pa.array(["a", "x", "b"])]
    values, refused = read(TEXT, chunks)
    assert values == [1.0, 0.0, None, 1.0]
    assert [(block.code, block.rows.tolist(), block.values) for block in refused] == [("level", [2], ["x"])]


@pytest.mark.parametrize("column", [AMOUNT, COUNT, TEXT, WHOLE, BOOLEAN, TIME, ID])
@pytest.mark.parametrize("kind", [pa.null(), pa.string(), pa.float64(), pa.bool_(), pa.list_(pa.int64())])
@pytest.mark.parametrize("text", [False, True])
def test_a_column_of_no_rows_has_no_values(column: Column, kind: pa.DataType, text: bool) -> None:
    assert accepted(column, pa.array([], kind), text=text) == []


@pytest.mark.parametrize("text", [False, True])
def test_a_column_of_nothing_but_nulls_is_null(text: bool) -> None:
    marked = AMOUNT.model_copy(update={"missing_markers": ("?",)})
    assert accepted(marked, pa.nulls(3), text=text) == [None, None, None]
    _, refused = read(COUNT, [pa.nulls(3)], text=text)
    assert [(block.code, block.rows.tolist(), block.values) for block in refused] == [
        ("null", [0, 1, 2], [None] * 3)
    ]


@pytest.mark.parametrize(
    ("array", "seconds"),
    [
        (pa.array([date(1970, 1, 2), None], pa.date32()), [86400.0, None]),
        (pa.array([date(1969, 12, 31)], pa.date64()), [-86400.0]),
        (pa.array([datetime(2024, 2, 29, 12)], pa.timestamp("s")), [1709208000.0]),
        (pa.array([datetime(1970, 1, 1, 0, 0, 1, 500_000)], pa.timestamp("us")), [1.0]),
        (pa.array([datetime(1969, 12, 31, 23, 59, 58, 500_000)], pa.timestamp("ns")), [-2.0]),
        (
            pa.array([datetime(1, 1, 1), datetime(9999, 12, 31)], pa.timestamp("s")),
            [-62135596800.0, 253402214400.0],
        ),
    ],
)
def test_a_timestamp_counts_like_its_text(array: pa.Array, seconds: list[float | None]) -> None:
    assert accepted(TIME, array) == seconds


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 8), ("+02:00", 10), ("Europe/Madrid", 9)])
def test_a_timestamp_with_a_zone_counts_on_the_clock_of_its_zone(zone: str, hour: int) -> None:
    array = pa.array([datetime(2020, 1, 1, 8, tzinfo=UTC)], pa.timestamp("us", tz=zone))
    assert accepted(TIME, array) == [datetime(2020, 1, 1, hour, tzinfo=UTC).timestamp()]


def test_a_timestamp_beyond_the_year_9999_is_refused() -> None:
    values, refused = read(TIME, [pa.array([300_000_000_000], pa.timestamp("s"))])
    assert values == [None]
    assert [(block.code, block.values) for block in refused] == [("type", ["11476-08-15T05:20:00"])]


@pytest.mark.parametrize("column", [AMOUNT, TEXT, WHOLE, BOOLEAN, ID])
def test_values_of_a_type_that_json_lacks_are_refused_row_by_row(column: Column) -> None:
    for array in (pa.array([date(2020, 1, 1)]), pa.array([b"a"]), pa.array([{"a": 1}]), pa.array([[1.0]])):
        _, refused = read(column, [array])
        assert [block.rows.tolist() for block in refused] == [[0]]


def test_missing_markers_count_in_text_alone() -> None:
    marked = TEXT.model_copy(update={"missing_markers": ("a",), "nullable": True})
    assert accepted(marked, pa.array(["a", "b"]), text=True) == [None, 1.0]
    assert accepted(marked, pa.array(["a", "b"])) == [0.0, 1.0]


def test_a_slice_of_a_column_is_read_from_its_own_start() -> None:
    table = pa.table({"x": ["1970-01-01", "1970-01-02", "1970-01-03", "bad"]}).slice(1, 3)
    values, refused = read_column(TIME, reader(TIME), table.column("x"), text=False)
    assert np.array_equal(values, [86400.0, 172800.0, math.nan], equal_nan=True)
    assert [(block.rows.tolist(), block.values) for block in refused] == [([2], ["bad"])]
