"""Columns of JSON values: of one type where all cells fit it, else of several, so that nothing is changed by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from service.scoring.contract import Column, ColumnType

Cells = Sequence[Any]

_KINDS: tuple[tuple[frozenset[type], pa.DataType], ...] = (
    (frozenset({str}), pa.string()),
    (frozenset({int}), pa.int64()),
    (frozenset({int, float}), pa.float64()),
    (frozenset({bool}), pa.bool_()),
)
_ANSWERED = {
    ColumnType.NUMBER: pa.float64(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.BOOLEAN: pa.bool_(),
}


class JsonCell(pa.ExtensionType):  # type: ignore[misc]  # pyarrow ships no types
    """A JSON value that no type of Arrow holds, as its text: an object, a list, an integer beyond 64 bits."""

    def __init__(self) -> None:
        super().__init__(pa.string(), "aval.json_cell")

    def __arrow_ext_serialize__(self) -> bytes:
        """Return nothing: the type has no parameters."""
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, _: pa.DataType, __: bytes) -> JsonCell:
        """Return the type."""
        return cls()

    def __arrow_ext_scalar_class__(self) -> type[pa.ExtensionScalar]:
        """Return what a cell is read with."""
        return _JsonScalar


class _JsonScalar(pa.ExtensionScalar):  # type: ignore[misc]  # pyarrow ships no types
    def as_py(self, **_: Any) -> Any:
        """Return the JSON value."""
        return json.loads(self.value.as_py())


def answered_type(column: Column | None) -> pa.DataType:
    """Return the type that answers hold a column's accepted values in; None is a column that nobody declares."""
    if column is None:
        return pa.string()
    if column.levels and isinstance(column.levels[0], int):
        return pa.int64()
    return _ANSWERED.get(column.type, pa.string())


def json_column(cells: Cells, usual: pa.DataType) -> pa.Array:
    """Return the cells (rows,) as an array of one type, `usual` where all are null, else as a union."""
    kinds = set(map(type, cells)) - {type(None)}
    if not kinds:
        return pa.nulls(len(cells), usual)
    # An id 3.0 among integers stays what it is; as numbers they are the same.
    numeric = pa.types.is_floating(usual) or pa.types.is_integer(usual)
    for fitting, kind in _KINDS:
        if kinds <= fitting and (numeric or len(kinds) == 1):
            try:
                return pa.array(cells, kind)
            except (pa.ArrowInvalid, OverflowError, UnicodeError):
                # An integer too large for its type, or half a surrogate pair.
                break
    return _union(cells)


def _union(cells: Cells) -> pa.Array:
    """Each cell in the first child that holds it exactly."""
    children: list[list[Any]] = [[] for _ in _CHILDREN]
    codes, offsets = [], []
    for cell in cells:
        code = _child(cell)
        codes.append(code)
        offsets.append(len(children[code]))
        children[code].append(cell)
    children[-1] = [json.dumps(cell) for cell in children[-1]]
    arrays = [pa.array(child, kind) for child, kind in zip(children, _CHILDREN, strict=True)]
    arrays.append(pa.ExtensionArray.from_storage(JsonCell(), arrays.pop()))
    return pa.UnionArray.from_dense(pa.array(codes, pa.int8()), pa.array(offsets, pa.int32()), arrays)


_CHILDREN = (pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.string())
_CODES: dict[type, int] = {int: 0, float: 1, str: 2, bool: 3, type(None): 2}


def _child(cell: Any) -> int:
    if type(cell) is int and not -(2**63) <= cell < 2**63:
        return len(_CHILDREN) - 1
    if type(cell) is str and not cell.isascii() and any("\ud800" <= mark <= "\udfff" for mark in cell):
        return len(_CHILDREN) - 1
    return _CODES.get(type(cell), len(_CHILDREN) - 1)
