"""Files that are on the disk, whole, before their name says so. All raise `OSError`.

In a process that is confined no file gets a name outside its roots: then they raise `WrongUse`.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from service.places.confinement import folder_inside
from service.places.scratch import scratch_in


def write_durably(path: Path, content: bytes, scratch: Path) -> None:
    """Write a file in one step, by way of one in the folder `scratch` of the same file system."""
    unfinished = scratch / "unfinished"
    with unfinished.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    rename(unfinished, path)


def publish(source: Path, path: Path, folder: Path) -> None:
    """Move a finished file to `path` in one step; from another file system by way of a copy in `folder`."""
    _sync(source)
    try:
        rename(source, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with scratch_in(folder) as scratch:
            copy = Path(shutil.copyfile(source, scratch / "unfinished"))
            _sync(copy)
            rename(copy, path)
        source.unlink()


def rename(source: Path, path: Path) -> None:
    """Give a file its name, for good: after a power cut too it has the one or the other."""
    make_folders(path.parent)
    with folder_inside(path.parent) as folder:
        os.replace(source, path if folder is None else path.name, dst_dir_fd=folder)
    _sync_folder(path.parent)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    # Somebody else may make it at the same time; anything but a folder fails in what comes next.
    with suppress(FileExistsError):
        folder.mkdir()
    _sync_folder(folder.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    try:
        _sync(folder)
    except OSError as error:
        # Some file systems know no such thing for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
