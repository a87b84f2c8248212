from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.model_card.markdown import escape
from training.model_card.numerals import count, figure, interval, money, share


@given(st.text(max_size=60))
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    line = escape(text)
    assert "\n" not in line
    assert "<" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*|\[\]]", line)


@pytest.mark.parametrize(
    ("render", "value", "text"),
    [
        (count, 23999, "23,999"),
        (count, None, "not recorded"),
        (figure, 0.78534, "0.7853"),
        (figure, 0.005234, "0.00523"),
        (figure, 397.612, "397.6"),
        (figure, 0, "0"),
        (figure, float("nan"), "not recorded"),
        (figure, "0.5", "not recorded"),
        (share, 0.2212, "22.1 %"),
        (share, 0.00843, "0.843 %"),
        (share, 0, "0 %"),
        (share, 1, "100 %"),
        (share, 0.99996, "over 99.9 %"),
        (money, 15_927_000.4, "15,927,000"),
        (money, 0.75, "0.75"),
        (money, 1000, "1,000"),
    ],
)
def test_numbers_are_written_for_readers(render: Callable[[Any], str], value: Any, text: str) -> None:
    assert render(value).replace("\N{NO-BREAK SPACE}", " ") == text


def test_an_interval_has_one_unit() -> None:
    assert interval([0.771, 0.7991]) == "0.7710 to 0.7991"
    assert interval([0.771, 0.7991], share).replace("\N{NO-BREAK SPACE}", " ") == "77.1 to 79.9 %"
    assert interval(None) == "not recorded"
