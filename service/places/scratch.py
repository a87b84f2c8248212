"""Local folders for unfinished files; what a killed process leaves is known by its lock, which is free."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.places.file_lock import lock_file

PREFIX = ".aval-scratch-"
_LOCK = ".lock"


@contextmanager
def scratch_in(folder: Path) -> Iterator[Path]:
    """Give a new hidden folder inside `folder`, and remove it whatever happens but a kill. Raises `OSError`."""
    made, lock = _make(folder)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def remove_stale(*folders: Path) -> None:
    """Remove the scratch folders of processes that have ended, from these folders and from the temporary one."""
    for folder in (*folders, temporary_folder()):
        for left in folder.glob(f"{PREFIX}*"):
            # Those of other users, in a folder for all, are theirs.
            with suppress(OSError):
                _remove_if_stale(left)


def temporary_folder() -> Path:
    """Return the folder of this machine's temporary files."""
    return Path(tempfile.gettempdir())


def _make(folder: Path) -> tuple[Path, int]:
    while True:
        made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        # None: somebody took it for a dead process's before it was locked.
        if (lock := lock_file(made / _LOCK)) is not None:
            return made, lock


def _remove_if_stale(left: Path) -> None:
    lock = lock_file(left / _LOCK, make=False)
    if lock is None:
        # Held; or just being made; or empty, and then it goes.
        left.rmdir()
        return
    shutil.rmtree(left, ignore_errors=True)
    os.close(lock)
