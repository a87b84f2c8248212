"""What segments need of the folder that they are kept in, local or in a store of objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

# Where files wait, within the place: hidden from whoever lists it.
HIDDEN = "_new"


class Place(Protocol):
    """A folder; every method raises an `AvalError` that names the file and what is wrong with it.

    What `list` and `find` return has the `name` of a file within the place, "/" between folders. Not listed are names
    of which any part begins with "." or "_".
    """

    @property
    def uri(self) -> str:
        """Where it is."""

    def list(self, under: str = "") -> Iterator[Any]:
        """Yield every file, by name."""

    def find(self, name: str) -> Any | None:
        """Return a file, None where there is none."""

    def fetched(self, item: Any) -> AbstractContextManager[Path]:
        """Give a local path with the content of a file, which is not to be written."""

    def put(self, name: str, path: Path) -> None:
        """Make a finished local file that of this name, durably and all at once; the local one is gone then."""

    def move(self, name: str, to: str) -> None:
        """Give a file another name; one that has it already is left."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Give a local folder for unfinished files."""

    def held(self, name: str) -> AbstractContextManager[None]:
        """Keep out whoever else holds this name."""


def staged(name: str) -> str:
    """Return where a file waits until the log says that it counts: hidden, so that it passes for no segment."""
    return f"{HIDDEN}/{name}"


def present(place: Place, name: str) -> str | None:
    """Return under which name a registered file is there: its own, or while it is on its way, the staged one."""
    # It goes the one way only: whoever looks in this order, and once more, misses none.
    for one in (name, staged(name), name):
        if place.find(one) is not None:
            return one
    return None


def settle(place: Place, name: str) -> None:
    """Give a staged file its own name, if it still has the other."""
    try:
        if place.find(staged(name)) is not None:
            place.move(staged(name), name)
    except Exception:
        # Two at once may do the same, and one of them finds nothing to move any more.
        if place.find(staged(name)) is not None:
            raise
