"""The files below a local folder. A file that several names lead to by links is found once."""

from __future__ import annotations

import os
import stat
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import UnreadableInput
from service.places.confinement import expect_inside
from service.places.naming import checked
from service.places.pattern import Pattern


def files_below(base: Path, pattern: Pattern) -> list[tuple[str, os.stat_result]]:
    """Return names relative to `base`, sorted, each with what the system says of its file.

    Raises `UnreadableInput` for what is looked for and is no file that can be read, `OSError` for the folder itself.
    """
    found = _Found(base, pattern)
    found.walk()
    return sorted(found.files, key=lambda file: file[0])


@dataclass
class _Found:
    base: Path
    pattern: Pattern
    files: list[tuple[str, os.stat_result]] = field(default_factory=list)
    links: list[tuple[str, os.stat_result]] = field(default_factory=list)
    folders: deque[str] = field(default_factory=deque)
    linked_folders: deque[str] = field(default_factory=deque)
    seen: set[tuple[int, int]] = field(default_factory=set)

    def walk(self) -> None:
        """Go through every folder once, links last: a name without links is the better one."""
        self.folders.append(self.pattern.folder)
        while self.folders or self.linked_folders:
            folder = self.folders.popleft() if self.folders else self.linked_folders.popleft()
            # A folder that is not there, or no longer, holds nothing.
            with suppress(FileNotFoundError):
                self._look_once(folder)
        own = {_identity(facts) for _, facts in self.files}
        self.files += [(name, facts) for name, facts in self.links if _identity(facts) not in own]

    def _look_once(self, folder: str) -> None:
        expect_inside(self.base / folder, UnreadableInput)
        identity = _identity((self.base / folder).stat())
        if identity not in self.seen:
            self.seen.add(identity)
            self._look_into(folder)

    def _look_into(self, folder: str) -> None:
        with os.scandir(self.base / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{folder}/{entry.name}" if folder else entry.name
                facts = self._facts(name, entry)
                if facts is None:
                    continue
                if stat.S_ISDIR(facts.st_mode):
                    (self.linked_folders if entry.is_symlink() else self.folders).append(name)
                else:
                    (self.links if entry.is_symlink() else self.files).append((name, facts))

    def _facts(self, name: str, entry: os.DirEntry[str]) -> os.stat_result | None:
        """Return what the system says of a file or folder that is looked for, None of any other."""
        enters, accepts = self.pattern.enters(name), self.pattern.accepts(name)
        if not (enters or accepts):
            return None
        checked(name, str(self.base), UnreadableInput)
        if entry.is_symlink():
            # Before it is followed: even whether something is there is not for everybody to know.
            expect_inside(self.base / name, UnreadableInput)
        try:
            facts = entry.stat()
        except OSError as error:
            _expect_gone(self.base / name, entry, error)
            return None
        if stat.S_ISDIR(facts.st_mode):
            return facts if enters else None
        return facts if accepts and is_regular(self.base / name, facts) else None


def is_regular(path: Path, facts: os.stat_result) -> bool:
    """Return true for a regular file; raises `UnreadableInput` for a pipe or a device."""
    if not stat.S_ISREG(facts.st_mode):
        raise UnreadableInput(f"{path} is no regular file; take it away, or name the files one by one")
    return True


def _expect_gone(path: Path, entry: os.DirEntry[str], error: OSError) -> None:
    """Raise `UnreadableInput` for anything but a file that was removed since its name was read."""
    if entry.is_symlink():
        raise UnreadableInput(f"{path} is a link that leads to nothing: {error.strerror}; mend or remove it")
    if not isinstance(error, FileNotFoundError):
        raise UnreadableInput(f"{path} cannot be read: {error.strerror}")


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino
