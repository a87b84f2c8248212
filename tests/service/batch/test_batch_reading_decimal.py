"""A decimal comma, whatever white space stands around the number."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.batch.decimal_comma import numbers_with_comma, numbers_with_point
from service.scoring.readers import from_text
from tests.service.batch.batch_scorers import CONTRACT

INCOME = CONTRACT.by_name["income"]
SPACES = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace())
PADDING = st.text(SPACES, max_size=2)
CELLS = st.tuples(PADDING, st.text("0123.,+-eE \u00a0", max_size=8), PADDING).map("".join)


def _read(cell: str) -> object:
    (with_point,) = numbers_with_point(_block(cell), ["income"]).column("income").to_pylist()
    return from_text(INCOME, with_point)


def _block(cell: str) -> pa.Table:
    return pa.table({"income": pa.array([cell])})


@pytest.mark.parametrize("space", ["\u00a0", "\u2009", "\u3000", "\u0085", "\x0b", "\x1c"], ids=ascii)
def test_white_space_of_any_kind_hides_no_decimal_mark(space: str) -> None:
    for pad in ("{}{}", "{1}{0}", "{0}{1}{0}"):
        assert _read(pad.format(space, "1,5")) == 1.5
        assert _read(pad.format(space, "1.234")) == f"{pad.format(space, '1.234')} (with a decimal point)"


@given(CELLS)
@example("\u00a01.234")
def test_what_is_read_as_a_number_had_no_point(cell: str) -> None:
    read = _read(cell)
    if isinstance(read, float):
        assert "." not in cell
        assert read == from_text(INCOME, cell.replace(",", "."))


@given(CELLS)
def test_what_stood_in_the_file_comes_back(cell: str) -> None:
    block = _block(cell)
    assert numbers_with_comma(numbers_with_point(block, ["income"]), ["income"]).equals(block)
