"""Which names may be used in a place: none that leads out of it, and none that cannot be written down."""

from __future__ import annotations

from service.errors import AvalError, WrongUse


def checked(name: str, place: str, error: type[AvalError] = WrongUse) -> str:
    """Return a name that is relative to its place and stays in it; raises `error`, which shows the name."""
    if complaint := _complaint(name):
        raise error(f"{name!a} in {place} {complaint}; rename it")
    return name


def _complaint(name: str) -> str | None:
    parts = name.split("/")
    if ".." in parts or "." in parts:
        return "has '.' or '..' between its slashes"
    if "" in parts:
        return "starts or ends with a slash, has two in a row, or is empty"
    if "\0" in name:
        return "holds a zero character"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is no text in UTF-8"
    return None if name.isprintable() else "holds a line break or another character that cannot be shown"
