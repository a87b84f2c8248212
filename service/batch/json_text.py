"""From text to JSON objects, one a line, and nothing that a parser lets through and a contract must not see."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

from service.batch.text_stream import TextStream
from service.errors import UnreadableInput

LONGEST_LINE = 2**21
# A record holds no lists and no objects; deeper than this, words about it would exhaust the stack.
MOST_LEVELS = 32
_BLANK = " \t\r"


Cells: TypeAlias = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that follow one another and are not blank: their numbers in the file, from 1, and their texts."""

    numbers: Sequence[int]
    texts: list[str]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Go through the lines, each with its number."""
        return zip(self.numbers, self.texts, strict=True)

    def split(self, count: int) -> tuple[Lines, Lines]:
        """Return the first so many lines and the others."""
        return (
            Lines(self.numbers[:count], self.texts[:count]),
            Lines(self.numbers[count:], self.texts[count:]),
        )


def json_lines(name: str, text: TextStream) -> Iterator[Lines]:
    """Return all lines, some at a time; raises `UnreadableInput` for one that is too long."""
    number, rest = 1, ""
    while piece := text.text():
        whole, newline, rest = (rest + piece).rpartition("\n")
        if newline:
            lines = whole.split("\n")
            yield _not_blank(number, lines)
            number += len(lines)
        if len(rest) > LONGEST_LINE:
            raise line_refused(name, number, f"is longer than {LONGEST_LINE // 2**20} MiB")
    yield _not_blank(number, [rest])


def fields_of(name: str, lines: Lines) -> dict[str, Cells]:
    """Return the cells of each field of the objects on the lines (one or more), null where it is left out.

    Raises `UnreadableInput` for a line that holds something else.
    """
    return _flat_fields(lines) or _fields([_parsed(name, *line) for line in lines])


def first_with(name: str, lines: Lines, field: str) -> int:
    """Return the number of the first line whose object has this field."""
    return next(number for number, text in lines if field in _parsed(name, number, text))


def line_refused(name: str, number: int, what: str) -> UnreadableInput:
    """Return the error for a line of a file."""
    return UnreadableInput(f"{name}: line {number} {what}")


def _not_blank(number: int, lines: list[str]) -> Lines:
    numbers: Sequence[int] = range(number, number + len(lines))
    texts = [line.strip(_BLANK) for line in lines]
    if not all(texts):
        numbers = [number for number, text in zip(numbers, texts, strict=True) if text]
        texts = [text for text in texts if text]
    return Lines(numbers, texts)


def _flat_fields(lines: Lines) -> dict[str, Cells] | None:
    """The fields of flat objects, which are parsed together; None if there is anything else on the lines.

    A text holds no line break. So where lines meet in braces that close and open, and there are as many flat objects
    as lines and nothing else, each is the object of its line. More quotes than fields and texts need may mean a field
    that stands twice, of which the parser kept the last; to be told of each takes it half as long again.
    """
    joined = ",\n".join(lines.texts)
    if joined.count("},\n{") + 1 != len(lines.texts):
        return None
    try:
        records: list[dict[str, Any]] = json.loads(f"[{joined}]")
    except (ValueError, RecursionError):
        return None
    if len(records) != len(lines.texts) or set(map(type, records)) != {dict}:
        return None
    found = _fields(records)
    kinds = Counter(chain.from_iterable(map(type, cells) for cells in found.values()))
    flat = dict not in kinds and list not in kinds
    needed = 2 * (sum(map(len, records)) + kinds[str])
    return found if flat and joined.count('"') - needed == _quotes_within(joined, found) else None


def _quotes_within(text: str, fields: dict[str, Cells]) -> int:
    """How many quotes of the text stand within cells; -1 if some are written in a way that hides them."""
    if '\\"' not in text:
        return 0
    if "\\u0022" in text:
        return -1
    return sum(cell.count('"') for cells in fields.values() for cell in cells if type(cell) is str)


def _fields(records: list[dict[str, Any]]) -> dict[str, Cells]:
    names = tuple(records[0])
    if len(names) > 1 and sum(map(len, records)) == len(names) * len(records):
        # Most often all have the same fields, which is quicker to do than in general.
        with suppress(KeyError):
            return dict(zip(names, zip(*map(itemgetter(*names), records), strict=True), strict=True))
    return {name: [record.get(name) for record in records] for name in set[str]().union(*records)}


def _parsed(name: str, number: int, text: str) -> dict[str, Any]:
    try:
        found = _STRICT.decode(text)
    except RecursionError:
        raise line_refused(name, number, "is nested too deeply") from None
    except _Twice as error:
        raise line_refused(name, number, f"has the field {error} twice") from None
    except json.JSONDecodeError as error:
        what = f"is no JSON object: {error.msg} at character {error.pos + 1}"
        raise line_refused(name, number, what) from None
    except ValueError:
        # Python reads no integer of more than 4,300 digits, lest it take minutes.
        raise line_refused(name, number, "holds an integer of thousands of digits") from None
    if isinstance(found, list):
        raise line_refused(name, number, "is a JSON list; write one object on each line")
    if not isinstance(found, dict):
        raise line_refused(name, number, "is no JSON object")
    if _is_deep(found):
        raise line_refused(name, number, "is nested too deeply")
    return found


class _Twice(Exception):
    """A field that stands twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise _Twice(repr(twice[:60]))
    return found


def _is_deep(record: dict[str, Any]) -> bool:
    level: list[Any] = [record]
    for _ in range(MOST_LEVELS):
        level = [child for item in level if isinstance(item, (dict, list)) for child in _children(item)]
    return bool(level)


def _children(item: dict[str, Any] | list[Any]) -> list[Any]:
    return list(item.values()) if isinstance(item, dict) else item


_STRICT = json.JSONDecoder(object_pairs_hook=_object)
