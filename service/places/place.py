"""A place: a folder on a disk or in a bucket, where inputs are found and outputs are put."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.errors import AvalError, WrongUse
from service.places.pattern import Pattern


class Busy(WrongUse):
    """Another run holds the lock, or has taken it over; the text says who and since when."""

    exit_code = 5


class NothingYet(AvalError):
    """The place is in order and holds nothing to score yet."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One file that was found.

    name: relative to its place, with `/` between folders. uri: as people write it. size: bytes.
    etag: the store's tag of this very content, None where the store has none. identity: what a disk says of the file,
    which is another as soon as anybody writes to it; None in a store.
    """

    name: str
    uri: str
    size: int
    etag: str | None = None
    identity: tuple[int, ...] | None = None


class Place(Protocol):
    """A folder. Names in it are relative, with `/` between folders, and never hold `..`.

    Whatever goes wrong is a `WrongUse`, or an `UnreadableInput` while something is read, that names the address and
    the fault. What stands in hidden folders, whose names start with `.` or `_`, is listed only on request.
    """

    @property
    def uri(self) -> str:
        """The folder as people write it."""

    def list(self, under: str = "") -> Iterator[Item]:
        """Yield all files in all folders, sorted by name; `under` names a folder, which may be a hidden one.

        Names that start with `.` are left out, and outside of a hidden folder those that start with `_`.
        """

    def search(self, pattern: Pattern) -> Iterator[Item]:
        """Yield the files whose names the pattern accepts, sorted by name, without looking where none can be."""

    def find(self, name: str) -> Item | None:
        """Return the file of this name, None if there is none; a folder is no file."""

    def fetched(self, item: Item) -> AbstractContextManager[Path]:
        """Give a local path that holds this very content; raises `UnreadableInput` if it is changed meanwhile."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a small file in one step, durably; what had the name before is replaced."""

    def put(self, name: str, path: Path) -> None:
        """Publish a finished local file in one step, durably; the local file is gone afterwards."""

    def move(self, name: str, to: str) -> None:
        """Give a file another name; that this was done before is fine."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it and was being sent into it; missing is fine."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Give a local folder for unfinished files, and remove it afterwards."""

    def held(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock of the run called `name`, alone; raises `Busy`, which says who holds it."""
