"""Recorded data of any shape as text and tables: what has no section of its own is shown all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.model_card.document import EMPTY, Block, Cell, Listing, Table, estimate
from training.model_card.numerals import figure, interval

# What names an object stands first; JSON keeps keys in the order of the alphabet.
NAMING = ("name", "input", "column", "group")


def text_of(value: Any) -> str:
    """Return a value as text: numbers with the digits that count, lists and objects with commas."""
    if value is None or value in ("", [], {}):
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else figure(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{words(key)}: {text_of(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of(item) for item in value)
    return str(value)


def table_of(caption: str, items: Sequence[Any]) -> list[Block]:
    """Return a table of objects, or a list of anything else; nothing for no items."""
    if not items:
        return []
    if not all(isinstance(item, Mapping) for item in items):
        return [Listing(caption, [text_of(item) for item in items])]
    keys = sorted(dict.fromkeys(key for item in items for key in item), key=lambda key: key not in NAMING)
    rows = [[cell_of(item.get(key)) for key in keys] for item in items]
    return [Table(caption, [sentence(key) for key in keys], rows)]


def blocks_of(caption: str, body: Mapping[str, Any]) -> list[Block]:
    """Return an object's figures as one table, and each of its lists of objects as one more."""
    figures, lists = flat(body)
    rows = [(sentence(name), cell) for name, cell in figures.items()]
    blocks: list[Block] = [Table(caption, ("What", "Value"), rows)] if rows else []
    for name, items in lists.items():
        blocks += table_of(f"{caption}: {words(name)}", items)
    return blocks


def flat(body: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Cell], dict[str, list[Any]]]:
    """Return an object's figures by name and its lists of objects by name, those of nested objects among them."""
    figures: dict[str, Cell] = {}
    lists: dict[str, list[Any]] = {}
    for key, value in body.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and "value" not in value:
            nested = flat(value, f"{name} ")
            figures.update(nested[0])
            lists.update(nested[1])
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            lists[name] = value
        else:
            figures[name] = cell_of(value)
    return figures, lists


def cell_of(value: Any) -> Cell:
    """Return a value as a cell; an object of a `value` and an `interval` is an estimate."""
    if isinstance(value, Mapping) and "value" in value:
        ends = value.get("interval")
        return estimate(text_of(value["value"]), interval(ends) if ends else None)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(item, float) for item in value):
        return interval(value)
    return text_of(value)


def words(key: Any) -> str:
    """Return the name of a recorded figure as words."""
    return str(key).replace("_", " ")


def sentence(key: Any) -> str:
    """Return the name of a recorded figure as the head of a row or column."""
    text = words(key)
    return text[:1].upper() + text[1:]
