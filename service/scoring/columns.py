"""Read a whole column of a table at once, by the rules of `readers`; no Python runs per row, except for refusals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import LONGEST_ID, Column, ColumnType
from service.scoring.findings import Code
from service.scoring.readers import TIME_PATTERN, Reader, Refusal, from_text, numeric_rules

Rows: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]


# Text that arrow and Python read as the same finite number; what else is a number is read by Python alone.
PLAIN_NUMBER = r"^-?[0-9]{1,300}(\.[0-9]{1,300})?$"


@dataclass(frozen=True)
class Refused:
    """Rows (indices from 0) of one column that were refused for one reason, with the values seen there."""

    column: Column
    code: Code
    rows: Rows
    values: list[Any]


def read_column(
    column: Column, read: Reader, cells: pa.ChunkedArray, *, text: bool
) -> tuple[FloatArray, list[Refused]]:
    """Return the floats (rows,) of a column and what was refused in it.

    `read` is the column's reader; `text` says that the cells are text which may stand for numbers.
    """
    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if text and column.missing_markers and _is_text(array.type):
        array = pc.if_else(pc.is_in(array, pa.array(column.missing_markers)), None, array)
    if column.is_numeric:
        return _read_numbers(column, read, array, text=text)
    if column.type is ColumnType.TIME and _is_timestamp(array.type):
        array = _as_written(array)
    if column.type is ColumnType.TIME and _is_text(array.type):
        return _read_times(column, read, array)
    if column.type is ColumnType.ID and (_is_text(array.type) or pa.types.is_integer(array.type)):
        return _read_ids(column, read, array)
    return _read_distinct(column, read, array, text=text)


def _read_numbers(
    column: Column, read: Reader, array: pa.Array, *, text: bool
) -> tuple[FloatArray, list[Refused]]:
    kind = array.type
    if text and _is_text(kind):
        return _read_number_text(column, read, array)
    if pa.types.is_decimal(kind):
        # By way of text, which is rounded once: arrow's own cast is a unit in the last place off.
        array = array.cast(pa.string()).cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _read_distinct(column, read, array, text=text)
    return _judge_numbers(column, array, _mask(array.is_null()))


def _read_number_text(column: Column, read: Reader, array: pa.Array) -> tuple[FloatArray, list[Refused]]:
    """Cast the whole column if it can be; else cast what is plainly a number, and read the rest value by value."""
    is_null = _mask(array.is_null())
    try:
        numbers = array.cast(pa.float64())
        # Arrow takes more for a number than `from_text` does, such as nan(1).
        if pc.all(pc.is_finite(numbers), min_count=0).as_py():
            return _judge_numbers(column, numbers, is_null)
    except pa.ArrowInvalid:
        pass
    plain = _mask(pc.match_substring_regex(array, PLAIN_NUMBER).fill_null(True))
    numbers = pc.if_else(pa.array(plain), array, None).cast(pa.float64())
    values, refused = _judge_numbers(column, numbers, is_null, skip=~plain)
    rest = np.flatnonzero(~plain)
    values[rest], found = _read_distinct(column, read, array.take(pa.array(rest)), text=True)
    return values, refused + [replace(block, rows=rest[block.rows]) for block in found]


def _judge_numbers(
    column: Column, array: pa.Array, is_null: Mask, skip: Mask | None = None
) -> tuple[FloatArray, list[Refused]]:
    values = np.array(
        pc.cast(array, pa.float64(), safe=False).fill_null(math.nan).to_numpy(zero_copy_only=False)
    )
    refused = [] if column.accepts_null else _refusals(column, Code.NULL, is_null, None)
    open_rows = ~is_null if skip is None else ~(is_null | skip)
    for rule in numeric_rules(column):
        with np.errstate(invalid="ignore"):
            broken = open_rows & ~rule.holds(values)
        if broken.any():
            refused += _refusals(column, rule.code, broken, values)
            open_rows &= ~broken
    return values, refused


def _read_distinct(
    column: Column, read: Reader, array: pa.Array, *, text: bool
) -> tuple[FloatArray, list[Refused]]:
    """Apply the reader once to each distinct value."""
    encoded = array.dictionary_encode(null_encoding="encode") if _is_hashable(array.type) else None
    distinct = array.to_pylist() if encoded is None else encoded.dictionary.to_pylist()
    index = np.arange(len(array)) if encoded is None else encoded.indices.to_numpy(zero_copy_only=False)
    values = np.full(len(distinct), math.nan)
    refusals: dict[Code, dict[int, Any]] = {}
    for position, raw in enumerate(distinct):
        cell = from_text(column, raw) if text and isinstance(raw, str) else _plain(raw)
        try:
            values[position] = read(cell)
        except Refusal as refusal:
            refusals.setdefault(refusal.code, {})[position] = refusal.value
    refused = []
    for code, shown in refusals.items():
        rows = np.flatnonzero(np.isin(index, list(shown)))
        refused.append(Refused(column, code, rows, [shown[position] for position in index[rows].tolist()]))
    return values[index] if len(values) else np.empty(0), refused


def _read_times(column: Column, read: Reader, array: pa.Array) -> tuple[FloatArray, list[Refused]]:
    parts = pc.extract_regex(array, pattern=TIME_PATTERN)
    is_null = _mask(array.is_null())
    matched = _mask(parts.is_valid()) & ~is_null
    number = {
        name: _integers(parts.field(name)) for name in ("year", "month", "day", "hour", "minute", "second")
    }
    month_ok = (number["month"] >= 1) & (number["month"] <= 12)
    months = np.where(month_ok, number["month"], 1)
    years = np.where(matched & (number["year"] > 0), number["year"], 1970)
    first = ((years - 1970) * 12 + months - 1).astype("datetime64[M]").astype("datetime64[D]")
    following = ((years - 1970) * 12 + months).astype("datetime64[M]").astype("datetime64[D]")
    days = (following - first).astype(np.int64)
    ok = matched & month_ok & (number["year"] > 0) & (number["day"] >= 1) & (number["day"] <= days)
    ok &= (number["hour"] < 24) & (number["minute"] < 60) & (number["second"] < 60)
    seconds = (first.astype(np.int64) + number["day"] - 1) * 86400.0
    seconds += number["hour"] * 3600.0 + number["minute"] * 60.0 + number["second"]
    refused = [] if column.accepts_null else _refusals(column, Code.NULL, is_null, None)
    broken = np.flatnonzero(~ok & ~is_null)
    if len(broken):
        refused.append(Refused(column, Code.TYPE, broken, array.take(pa.array(broken)).to_pylist()))
    return np.where(ok, seconds, math.nan), refused


def _read_ids(column: Column, read: Reader, array: pa.Array) -> tuple[FloatArray, list[Refused]]:
    is_null = _mask(array.is_null())
    refused = [] if column.accepts_null else _refusals(column, Code.NULL, is_null, None)
    if _is_text(array.type):
        length = pc.utf8_length(array).fill_null(1).to_numpy(zero_copy_only=False)
        broken = np.flatnonzero((length < 1) | (length > LONGEST_ID))
        if len(broken):
            refused.append(Refused(column, Code.TYPE, broken, array.take(pa.array(broken)).to_pylist()))
    return np.full(len(array), math.nan), refused


def _refusals(column: Column, code: Code, mask: Mask, values: FloatArray | None) -> list[Refused]:
    rows = np.flatnonzero(mask)
    if not len(rows):
        return []
    return [Refused(column, code, rows, [None] * len(rows) if values is None else values[rows].tolist())]


def _as_written(times: pa.Array) -> pa.Array:
    """Return timestamps or dates as text, on the clock of their zone if they have one, without fractions."""
    if pa.types.is_timestamp(times.type):
        times = pc.floor_temporal(
            times if times.type.tz is None else pc.local_timestamp(times), unit="second"
        )
    return pc.strftime(times.cast(pa.timestamp("s"), safe=False), format="%Y-%m-%dT%H:%M:%S")


def _plain(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _integers(field: pa.Array) -> npt.NDArray[np.int64]:
    digits = pc.if_else(pc.equal(field, ""), "0", field).fill_null("0")
    return pc.cast(digits, pa.int64()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _mask(array: pa.Array) -> Mask:
    return array.to_numpy(zero_copy_only=False).astype(np.bool_)  # type: ignore[no-any-return]


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def _is_timestamp(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_timestamp, pa.types.is_date))


def _is_hashable(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_float16(kind))
