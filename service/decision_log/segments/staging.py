"""How a segment's file comes into its place: hidden first, and under its own name once the log says that it counts."""

from __future__ import annotations

from service.errors import AvalError
from service.places import Place

# Where files wait, within the place: hidden from whoever lists it.
HIDDEN = "_new"


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
    except AvalError:
        # Two at once may do the same, and one of them finds nothing to move any more.
        if place.find(staged(name)) is not None:
            raise
