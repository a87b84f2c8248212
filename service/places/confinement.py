"""Which files this process may touch: all, unless it was confined, as one is that works on somebody else's word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import AvalError, WrongUse
from service.roots import Roots

_OUT = "{} leads out of the folder that this run may use; put a file or folder there, and no link"
_OPENED = Path("/proc/self/fd")
_roots: Roots | None = None


def confine(roots: Roots) -> None:
    """Have places on the disk refuse whatever lies outside these roots, from now on and for good.

    It is asked again at every step, because a link may be another one by then.
    """
    global _roots  # noqa: PLW0603  # it is the process that is confined: no caller must be able to forget to ask
    _roots = roots


def expect_inside(path: Path, error: type[AvalError] = WrongUse) -> None:
    """Raise `error` for a path that lies, or leads, outside the roots that this process is confined to."""
    if _roots is not None and not _roots.holds(str(path)):
        raise error(_OUT.format(path))


@contextmanager
def opened_inside(path: Path, error: type[AvalError]) -> Iterator[Path]:
    """Give a path by which a file inside the roots is read, and no other one, whatever links are changed meanwhile.

    Raises `error` for one outside, and `OSError`. Where the system has no paths of open files, it is asked only once.
    """
    if _roots is None:
        yield path
        return
    expect_inside(path, error)
    # A pipe that is there instead would be waited for.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        opened = _OPENED / str(file)
        if not opened.exists():
            yield path
            return
        # Where it really is, of a file that nobody can exchange any more.
        if not _roots.holds(str(path), os.readlink(opened)):
            raise error(_OUT.format(path))
        yield opened
    finally:
        os.close(file)


@contextmanager
def folder_inside(path: Path) -> Iterator[int | None]:
    """Give an open folder inside the roots, in which a file gets its name wherever links lead by then.

    None for a process that is not confined. Raises `WrongUse` for one outside, and `OSError`.
    """
    if _roots is None:
        yield None
        return
    expect_inside(path)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        opened = _OPENED / str(folder)
        known = opened.exists()
        if known and not _roots.holds(str(path), os.readlink(opened)):
            raise WrongUse(_OUT.format(path))
        yield folder if known else None
    finally:
        os.close(folder)
