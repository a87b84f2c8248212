"""The folder of tasks, which all workers share: who is alive holds a lock, which the system takes from the dead."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.online.tasks.task import End, State, Task

KEPT_SECONDS = 7 * 24 * 3_600.0
MOST_KEPT = 1_000
TOLD_BYTES = 16_384
_TASK, _LOCK, _STARTED, _END, _CANCEL = "task.json", "lock", "started", "end.json", "cancel"
SAID, RESULT = "said", "result.json"
_ID = re.compile(r"[0-9a-f]{32}")


class QueueFull(Exception):
    """As many tasks wait as may."""


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """path: made when the first task comes. A task's own folder is named by its id and readable by its owner alone."""

    path: Path

    def take(self, task: Task, most_waiting: int) -> tuple[str, int | None]:
        """Keep a task and return its id and lock; those of a living one that is the same, without its lock, instead.

        The task lives as long as the lock is open in any process. Raises `QueueFull`, `OSError`.
        """
        with self._alone():
            alive = self._alive()
            for state in alive:
                if state.task.same_as(task) and not self.is_canceled(state.task.id):
                    return state.task.id, None
            if sum(state.started_at is None for state in alive) >= most_waiting:
                raise QueueFull
            self._forget_old()
            folder = self.path / task.id
            folder.mkdir(mode=0o700)
            with _removed_on_error(folder), _closed_on_error() as files:
                files.append(lock := _locked(folder / _LOCK))
                _write(folder / _TASK, task.to_bytes())
            return task.id, lock

    def state(self, task_id: str) -> State | None:
        """Return how a task stands, None where there is none of this id."""
        if not _ID.fullmatch(task_id):
            return None
        folder = self.path / task_id
        # In this order: what dies between the two has left its end behind.
        alive = _is_held(folder / _LOCK)
        try:
            task = Task.read((folder / _TASK).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        started, end = _content(folder / _STARTED), _content(folder / _END)
        started_at = None if started is None else started.decode()
        return State(task, alive, started_at, None if end is None else End.read(end), _tail(folder / SAID))

    def slot(self, number: int) -> int | None:
        """Return the lock of one of the places for running tasks, None if it is taken."""
        try:
            return _locked(self.path / f"slot-{number}", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None

    def begin(self, task_id: str, started_at: str) -> tuple[int, int]:
        """Write down that a task starts, and return the open files for what its process says and comes to."""
        folder = self.path / task_id
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with _closed_on_error() as files:
            files.append(said := os.open(folder / SAID, flags, 0o600))
            files.append(result := os.open(folder / RESULT, flags, 0o600))
            _write(folder / _STARTED, started_at.encode())
        return said, result

    def finish(self, task_id: str, end: End) -> None:
        """Write down how a task ended."""
        _write(self.path / task_id / _END, end.to_bytes())

    def cancel(self, task_id: str) -> None:
        """Ask whoever runs a task to stop it."""
        (self.path / task_id / _CANCEL).touch()

    def is_canceled(self, task_id: str) -> bool:
        """Whether somebody asked to stop a task."""
        return (self.path / task_id / _CANCEL).exists()

    def result(self, task_id: str) -> bytes:
        """Return what the process of a task that is completed came to."""
        return (self.path / task_id / RESULT).read_bytes()

    def _alive(self) -> list[State]:
        names = (entry.name for entry in os.scandir(self.path) if _is_held(Path(entry.path) / _LOCK))
        return [state for name in names if (state := self.state(name)) is not None and state.alive]

    def _forget_old(self) -> None:
        ended = sorted(
            (entry.stat().st_mtime, entry.path)
            for entry in os.scandir(self.path)
            if entry.is_dir() and not _is_held(Path(entry.path) / _LOCK)
        )
        too_many, too_old = len(ended) - MOST_KEPT, time.time() - KEPT_SECONDS
        for number, (at, path) in enumerate(ended):
            if number < too_many or at < too_old:
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep all other workers out for a moment."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(self.path / _LOCK)
        try:
            yield
        finally:
            os.close(lock)


@contextmanager
def _closed_on_error() -> Iterator[list[int]]:
    """Give a list of open files, which are closed if what is done with them fails, as on a full disk."""
    files: list[int] = []
    try:
        yield files
    except BaseException:
        for file in files:
            os.close(file)
        raise


@contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _locked(path: Path, how: int = fcntl.LOCK_EX) -> int:
    """Return the open, locked file; raises `BlockingIOError` where it is not waited for and somebody else has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        os.close(file)
        raise
    return file


def _is_held(path: Path) -> bool:
    # Asked in a way in which several may ask at once, without being taken for whoever holds it.
    try:
        file = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TOLD_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
