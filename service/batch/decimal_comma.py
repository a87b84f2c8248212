"""Numbers with a decimal comma, as the contract's readers take them, and back."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc

# What a reader would take for a number has a point here, which in such a file may be a thousands separator.
_POINTED = " (with a decimal point)"
_COMMA_NUMBER = r"^[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?$"
_POINT_NUMBER = r"^[+-]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def numbers_with_point(block: pa.Table, numeric: Collection[str]) -> pa.Table:
    """Return a block in whose numeric columns 1,5 is 1.5, and 1.5 is no number."""
    return _changed(block, numeric, _to_point)


def numbers_with_comma(rows: pa.Table, numeric: Collection[str]) -> pa.Table:
    """Return the rows as they were before `numbers_with_point`."""
    return _changed(rows, numeric, _to_comma)


def _changed(
    rows: pa.Table, numeric: Collection[str], change: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> pa.Table:
    columns = [
        change(rows.column(i)) if name in numeric else rows.column(i)
        for i, name in enumerate(rows.column_names)
    ]
    return pa.Table.from_arrays(columns, names=rows.column_names)


def _to_point(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return _where(_COMMA_NUMBER, _marked(cells), ",", ".")


def _to_comma(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    swapped = _where(_POINT_NUMBER, cells, ".", ",")
    return pc.replace_substring(swapped, _POINTED, "") if _any(swapped, _POINTED) else swapped


def _marked(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    if not _any(cells, "."):
        return cells
    return pc.if_else(_is(_POINT_NUMBER, cells), pc.binary_join_element_wise(cells, _POINTED, ""), cells)


def _where(pattern: str, cells: pa.ChunkedArray, old: str, new: str) -> pa.ChunkedArray:
    if not _any(cells, old):
        return cells
    return pc.if_else(_is(pattern, cells), pc.replace_substring(cells, old, new), cells)


def _is(pattern: str, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    # Without the white space that the contract's readers leave out, which is more than a pattern's \s.
    return pc.match_substring_regex(pc.utf8_trim_whitespace(cells), pattern)


def _any(cells: pa.ChunkedArray, text: str) -> bool:
    return bool(pc.any(pc.match_substring(cells, text)).as_py())
