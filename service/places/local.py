"""A folder on a disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.errors import AvalError, UnreadableInput, WrongUse
from service.places.confinement import expect_inside, opened_inside
from service.places.durable import make_folders, publish, rename, write_durably
from service.places.file_lock import lock_file
from service.places.holder import Holder
from service.places.local_tree import files_below, is_regular
from service.places.naming import checked
from service.places.pattern import Pattern
from service.places.place import Busy, Item
from service.places.scratch import remove_stale, scratch_in

_NOT_THERE = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """A folder on a disk; it is made when something is put into it."""

    folder: Path

    @property
    def uri(self) -> str:
        """The folder's path, as it was given."""
        return str(self.folder)

    def list(self, under: str = "") -> Iterator[Item]:
        """Yield all files, sorted by name; see `Place`."""
        return self.search(Pattern(folder=checked(under, self.uri) if under else ""))

    def search(self, pattern: Pattern) -> Iterator[Item]:
        """Yield the files that the pattern accepts, sorted by name; each file once, whatever links lead to it."""
        expect_inside(self.folder, UnreadableInput)
        with _reading(self.folder / pattern.folder):
            found = files_below(self.folder, pattern)
        yield from (self._item(name, facts) for name, facts in found)

    def find(self, name: str) -> Item | None:
        """Return the file of this name, None if there is none; a folder is no file."""
        path = self._path(name)
        with _reading(path):
            try:
                facts = path.stat()
            except _NOT_THERE:
                return None
        if path.is_dir():
            return None
        return self._item(name, facts) if is_regular(path, facts) else None

    @contextmanager
    def fetched(self, item: Item) -> Iterator[Path]:
        """Give the file's own path; raises `UnreadableInput` if it is changed meanwhile, whatever else is wrong.

        A process that is confined gets one by which no other file can be read.
        """
        path = self._path(item.name)
        _expect_unchanged(path, item)
        try:
            with _opened(path) as opened:
                yield opened
        except AvalError:
            _expect_unchanged(path, item)
            raise
        _expect_unchanged(path, item)

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, None if there is none."""
        path = self._path(name)
        with _reading(path):
            try:
                return path.read_bytes()
            except _NOT_THERE:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file in one step, durably."""
        path = self._path(name)
        with _writing(path):
            make_folders(self.folder)
            with scratch_in(self.folder) as scratch:
                write_durably(path, content, scratch)

    def put(self, name: str, path: Path) -> None:
        """Publish a finished local file in one step, durably; it is gone afterwards."""
        with _writing(target := self._path(name)):
            make_folders(self.folder)
            publish(path, target, self.folder)

    def move(self, name: str, to: str) -> None:
        """Give a file another name; that this was done before is fine."""
        source, target = self._path(name), self._path(to)
        with _writing(target):
            try:
                rename(source, target)
            except _NOT_THERE:
                if not target.is_file():
                    raise

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; missing is fine."""
        path = self._path(name)
        with _writing(path, "removed"), suppress(*_NOT_THERE):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a new hidden folder in this one; an `OSError` inside is a `WrongUse`, as a full disk is."""
        expect_inside(self.folder)
        with _writing(self.folder):
            make_folders(self.folder)
            with scratch_in(self.folder) as folder:
                yield folder

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold a lock file beside the outputs: the system frees it when this process ends, however it ends."""
        path = self._path(f".{checked(name, self.uri).lstrip('.')}.lock")
        lock = _lock(path)
        try:
            remove_stale(self.folder)
            yield
        finally:
            # While it is still held: whoever opened it before will see that it is no longer the file of this name.
            with suppress(OSError):
                path.unlink()
            os.close(lock)

    def _path(self, name: str) -> Path:
        path = self.folder / checked(name, self.uri)
        expect_inside(path)
        return path

    def _item(self, name: str, facts: os.stat_result) -> Item:
        return Item(name, str(self.folder / name), facts.st_size, None, _identity(facts))


def _lock(path: Path) -> int:
    with _writing(path):
        make_folders(path.parent)
        lock = lock_file(path)
        if lock is None:
            raise Busy(f"{path.parent}: another run is writing here{_holder(path)}; wait until it is done")
        os.ftruncate(lock, 0)
        os.pwrite(lock, Holder.this().to_bytes(), 0)
    return lock


def _holder(path: Path) -> str:
    with suppress(OSError):
        if (holder := Holder.read(path.read_bytes())) is not None:
            return f" ({holder})"
    return ""


@contextmanager
def _opened(path: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        # Only its opening: what is done with the file has errors of its own.
        with _reading(path):
            opened = stack.enter_context(opened_inside(path, UnreadableInput))
        yield opened


def _identity(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _expect_unchanged(path: Path, item: Item) -> None:
    with _reading(path):
        facts = path.stat()
    if _identity(facts) != item.identity:
        raise UnreadableInput(f"{path} was changed while it was read; score it again")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror or error}") from None


@contextmanager
def _writing(path: Path, verb: str = "written") -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Of whatever the caller prints to, never of a file.
        raise
    except OSError as error:
        advice = "; make room and start again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise WrongUse(f"{path} cannot be {verb}: {error.strerror or error}{advice}") from None
