"""What a card consists of, whatever it is written as: sections of paragraphs, facts, lists, tables and plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

_NUMBER = re.compile(r"(below )?[-+]?[\d.,]+(e-?\d+)?\s?%?( to [-+]?[\d.,]+(e-?\d+)?\s?%?)?|yes|no")
EMPTY = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A word that has a shape of its own beside it: `kind` is pass, fail, warn, off or chosen."""

    kind: str
    word: str

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval, as one cell."""

    value: str
    interval: str

    def __str__(self) -> str:
        return f"{self.value} ({self.interval})"


Cell: TypeAlias = str | Mark | Estimate


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, or a remark in smaller type."""

    text: str
    remark: bool = False
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True, slots=True)
class Listing:
    """Items under a heading of their own."""

    title: str
    items: Sequence[str]
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they are."""

    items: Sequence[tuple[str, Cell]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column heads; the first cell of a row names it. `folded` hides it until it is asked for."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    kind: ClassVar[str] = "table"

    def is_number(self, column: int) -> bool:
        """Whether all that a column holds are numbers, which stand under each other from the right."""
        cells = [_plain(row[column]) for row in self.rows if _plain(row[column]) != EMPTY]
        return column > 0 and bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)


@dataclass(frozen=True, slots=True)
class Link:
    """Another file by its name, what it shows, and a remark on where it comes from."""

    file: str
    text: str
    remark: str
    kind: ClassVar[str] = "link"


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot as SVG, with a title and what it shows in words."""

    title: str
    svg: str
    caption: str
    kind: ClassVar[str] = "plot"


@dataclass(frozen=True, slots=True)
class Plots:
    """Plots side by side where there is room."""

    plots: Sequence[Plot]
    kind: ClassVar[str] = "plots"


Block: TypeAlias = Paragraph | Heading | Listing | Facts | Table | Link | Plots


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the card under one heading; `anchor` is its name in links."""

    anchor: str
    title: str
    blocks: Sequence[Block]


def estimate(value: str, interval: str | None) -> Cell:
    """Return a figure with its interval, alone where there is none."""
    return Estimate(value, interval) if interval else value


def part(body: Any, *names: str) -> Mapping[str, Any]:
    """Return the object under these names, empty where any of them is not recorded."""
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, Mapping) else {}


def entries(body: Any, *names: str) -> list[Any]:
    """Return the list under these names, empty where any of them is not recorded."""
    found = part(body, *names[:-1]).get(names[-1])
    return list(found) if isinstance(found, (list, tuple)) else []


def _plain(cell: Cell) -> str:
    return cell.value if isinstance(cell, Estimate) else str(cell)
