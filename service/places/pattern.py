"""Which names are looked for below a folder: a glob, and values of partitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property, lru_cache
from urllib.parse import unquote

from service.errors import UnreadableInput

ANY_FOLDERS = "**"
HIDDEN = (".", "_")
# Not hidden: a store may hold such keys, which are refused rather than passed over.
NO_NAMES = (".", "..")
# What Hive, Spark and Arrow call the folder of records that have no value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Pattern:
    """A test of names.

    glob: `*`, `?` and `[…]` within a name, `**` for any folders; a folder that matches counts with all that is in it.
    where: values that partitions (`key=value` folders) must have. folder: below which names are looked for.
    """

    glob: str = ANY_FOLDERS
    where: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    def accepts(self, name: str) -> bool:
        """Return whether a file of this name, relative to the place, is looked for."""
        parts = self._below(name)
        return bool(parts) and self._allowed(parts, parts[:-1]) and len(self._parts) in self._reached(parts)

    def enters(self, folder: str) -> bool:
        """Return whether a file in this folder, or below it, may be looked for."""
        parts = self._below(folder)
        return self._allowed(parts, parts) and bool(self._reached(parts))

    @cached_property
    def prefix(self) -> str:
        """What all names start with that are looked for, relative to the place."""
        literal = re.split(r"[*?\[]", self.glob, maxsplit=1)[0]
        return f"{self.folder}/{literal}" if self.folder else literal

    @cached_property
    def _parts(self) -> list[str]:
        return self.glob.split("/")

    @cached_property
    def _asked(self) -> list[str]:
        """The parts of the glob that ask for what is hidden otherwise."""
        return [part for part in self._parts if part.startswith(HIDDEN)]

    @cached_property
    def _hidden(self) -> tuple[str, ...]:
        inside = any(part.startswith(HIDDEN) for part in self.folder.split("/"))
        return (".",) if inside else HIDDEN

    def _below(self, name: str) -> list[str]:
        return name[len(self.folder) + 1 if self.folder else 0 :].split("/")

    def _allowed(self, parts: list[str], folders: list[str]) -> bool:
        hidden = (part for part in parts if part.startswith(self._hidden) and part not in NO_NAMES)
        if any(not any(_matches(part, pattern) for pattern in self._asked) for part in hidden):
            return False
        pairs = [pair for folder in folders if (pair := _pair(folder)) is not None]
        return all(self.where.get(key, value) == value for key, value in pairs)

    def _reached(self, parts: list[str]) -> set[int]:
        """Return how many parts of the glob can have been used up by these parts of a name; all of them: a match."""
        reached = self._skipping({0})
        for part in parts:
            reached = self._skipping({end for start in reached for end in self._step(start, part)})
        return reached

    def _step(self, start: int, part: str) -> set[int]:
        if start == len(self._parts):
            return {start}
        if self._parts[start] == ANY_FOLDERS:
            return {start}
        return {start + 1} if _matches(part, self._parts[start]) else set()

    def _skipping(self, reached: set[int]) -> set[int]:
        for start in range(len(self._parts)):
            if start in reached and self._parts[start] == ANY_FOLDERS:
                reached.add(start + 1)
        return reached


def partitions_in(name: str) -> dict[str, str]:
    """Return the values of the partitions that the folders of a name stand for, decoded; `NO_VALUE` is null.

    Raises `UnreadableInput` for a partition that has two values.
    """
    found: dict[str, str] = {}
    for folder in name.split("/")[:-1]:
        if (pair := _pair(folder)) is not None:
            key, value = pair
            if found.setdefault(key, value) != value:
                raise UnreadableInput(
                    f"{name} is in {key}={found[key]} and in {key}={value}; it can be in one alone"
                )
    return found


def _pair(folder: str) -> tuple[str, str] | None:
    key, equals, value = folder.partition("=")
    return (unquote(key), unquote(value)) if key and equals else None


def _matches(part: str, pattern: str) -> bool:
    return _compiled(pattern).match(part) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
