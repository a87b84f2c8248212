"""A lock on a file, which the system takes back from a process that ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock_file(path: Path, *, make: bool = True) -> int | None:
    """Return the open, locked file, to be closed when done; None if somebody else has it or removes it just now.

    The file is made where it is missing, unless `make` is false: then None too. Raises `OSError`.
    """
    try:
        file = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o666)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between its opening and its locking the last holder may have removed it.
        if os.path.samestat(path.stat(), os.fstat(file)):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(file)
        raise
    os.close(file)
    return None
