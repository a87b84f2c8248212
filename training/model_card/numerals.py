"""Numbers as a reader wants them: thousands parted, three or four digits that count, shares in per cent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

Render = Callable[[Any], str]
NOT_RECORDED = "not recorded"
NBSP = "\N{NO-BREAK SPACE}"


def count(value: Any) -> str:
    """Return a whole number: 23,999."""
    return f"{round(value):,}" if _is_number(value) else NOT_RECORDED


def figure(value: Any, *, signed: bool = False) -> str:
    """Return a number with four significant digits, three below 0.1: 0.7853, 0.0523, 397.6."""
    if not _is_number(value):
        return NOT_RECORDED
    if value == 0:
        return "0"
    if abs(value) < 1e-6:
        return f"{value:{'+' if signed else ''}.1e}"
    digits = 4 if abs(value) >= 0.1 else 3
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:{'+' if signed else ''},.{decimals}f}"


def share(value: Any) -> str:
    """Return a share in per cent, with three significant digits; only 1 itself is 100 %."""
    if not _is_number(value):
        return NOT_RECORDED
    if value in (0, 1):
        return f"{100 * value:.0f}{NBSP}%"
    percent = 100 * value
    decimals = max(2 - math.floor(math.log10(abs(percent))), 0) if abs(percent) >= 1e-3 else 5
    text = f"{percent:.{decimals}f}"
    if value < 1 and float(text) >= 100:
        return f"over 99.9{NBSP}%"
    return f"{text}{NBSP}%"


def money(value: Any, currency: str = "") -> str:
    """Return an amount, in the use case's currency where one is declared."""
    if not _is_number(value):
        return NOT_RECORDED
    if abs(value) >= 10_000 or float(value).is_integer():
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.2f}" if round(value, 2) == value else figure(value)
    return f"{text} {currency}".strip()


def p_value(value: Any) -> str:
    """Return a probability of chance; what is below 0.0001 is only said to be."""
    return "below 0.0001" if _is_number(value) and 0 <= value < 1e-4 else figure(value)


def interval(bounds: Any, render: Render = figure) -> str:
    """Return the ends of an interval, with one unit for both: 77.2 to 79.8 %."""
    if not isinstance(bounds, Sequence) or len(bounds) != 2:
        return NOT_RECORDED
    low, high = (render(bound) for bound in bounds)
    unit = f"{NBSP}%"
    return f"{low.removesuffix(unit) if high.endswith(unit) else low} to {high}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
