"""The spool: decisions of one writer that wait on disk for the store to come back, one line of JSON per group.

The file is locked for as long as its process lives, so whoever can lock it knows that the process is dead and replays
it. Its lines are chained as the store's rows are, and a line that a crash cut short was answered to nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.decision_log.chain import Row
from service.decision_log.entries import canonical
from service.decision_log.errors import LogRefused
from service.decision_log.group import Group
from service.decision_log.orders import ClaimRow, PartRow
from service.decision_log.store import WriterFacts

ENDING, SET_ASIDE = ".spool", ".refused"


@dataclass(frozen=True, slots=True)
class SpooledGroup:
    """A line of a spool."""

    rows: Sequence[Row]
    parts: Sequence[PartRow]
    claims: Sequence[ClaimRow]


class Spool:
    """A writer's spool file, held open and locked; every method raises `OSError` where the file fails."""

    def __init__(self, path: Path, file: int, facts: WriterFacts, start: int) -> None:
        self.path = path
        self.facts = facts
        self.waiting = 0
        self._file = file
        self._start = self._read_to = start
        self._end = os.fstat(file).st_size

    def append(self, group: Group) -> None:
        """Keep a group durably, or nothing of it."""
        self._write(_line([group.rows, group.parts, group.claims]))
        self.waiting += len(group.rows)

    def probe(self) -> None:
        """Try whether a group could be kept."""
        self._write(b"\n" * 4096)
        self._end -= 4096
        os.ftruncate(self._file, self._end)

    def read(self, most: int) -> Iterator[SpooledGroup]:
        """Yield the first groups that were not yet dropped, up to about so many entries; stops at a torn line.

        Raises `LogRefused` where the first of them cannot be read.
        """
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(self._read_to)
            self._next = self._read_to
            while most > 0 and (line := lines.readline()).endswith(b"\n"):
                try:
                    group = _group(line)
                except (ValueError, TypeError, KeyError):
                    if self._next > self._read_to:
                        # First what is whole.
                        return
                    raise LogRefused(f"{self.path} is damaged at byte {self._next}") from None
                self._next += len(line)
                most -= len(group.rows)
                yield group

    def drop(self, groups: Sequence[SpooledGroup]) -> None:
        """Forget what `read` has yielded, now that the store has it; the file shrinks once nothing waits."""
        self._read_to = self._next
        self.waiting -= sum(len(group.rows) for group in groups)
        if self._read_to == self._end:
            os.ftruncate(self._file, self._start)
            os.fsync(self._file)
            self._read_to = self._end = self._start

    def refuse(self, groups: Sequence[SpooledGroup]) -> Path:
        """Copy groups to a file that nobody replays, for a person to look at; it has the form of a spool."""
        path = self.path.with_suffix(f".entries{SET_ASIDE}")
        lines = [_line([group.rows, group.parts, group.claims]) for group in groups]
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab") as file:
            header = [] if file.tell() else [_header(self.facts)]
            file.write(b"".join([*header, *lines]))
            file.flush()
            os.fsync(file.fileno())
        return path

    def set_aside(self) -> Path:
        """Give the file a name under which nobody replays it, for a person to look at, and let go of it."""
        aside = self.path.rename(self.path.with_suffix(SET_ASIDE))
        os.close(self._file)
        return aside

    def close(self, keep: bool) -> None:
        """Let go of the file: it is deleted unless it is to be kept for the next start to replay."""
        if not keep:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, content: bytes) -> None:
        try:
            written = os.pwrite(self._file, content, self._end)
            if written != len(content):
                raise OSError(f"{self.path}: only {written} of {len(content)} bytes could be written")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(content)


def make_spool(folder: Path, facts: WriterFacts) -> Spool:
    """Make and lock a writer's spool; raises `LogRefused` for a folder that cannot be written."""
    path = folder / f"{facts.id}{ENDING}"
    header = _header(facts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            # Between its making and its locking somebody may have taken it for a dead process's.
            if path.exists() and path.stat().st_ino == os.fstat(file).st_ino:
                break
            os.close(file)
        os.pwrite(file, header, 0)
        os.fsync(file)
    except OSError as error:
        raise LogRefused(
            f"no decisions can be kept in {folder} while their log is down: {error.strerror}; "
            f"set AVAL_SPOOL to a folder that this user may write"
        ) from None
    return Spool(path, file, facts, len(header))


def take_over(path: Path) -> Spool | None:
    """Return a dead process's spool, now locked by this one; None for one that lives, or that never held anything."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with os.fdopen(os.dup(file), "rb") as lines:
            header = lines.readline()
        # Whoever had it before may have deleted it.
        if os.fstat(file).st_nlink and header.endswith(b"\n"):
            return Spool(path, file, _facts(path, header), len(header))
        if os.fstat(file).st_nlink:
            path.unlink()
    except BlockingIOError:
        pass
    os.close(file)
    return None


def _header(facts: WriterFacts) -> bytes:
    return _line([facts.id, facts.started_at, facts.about])


def _line(content: Sequence[Any]) -> bytes:
    return f"{canonical(_plain(content))}\n".encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _group(line: bytes) -> SpooledGroup:
    rows, parts, claims = json.loads(line, object_hook=lambda found: bytes.fromhex(found["hex"]))
    return SpooledGroup(
        [Row._make(row) for row in rows],
        [PartRow._make(part) for part in parts],
        [ClaimRow._make(claimed) for claimed in claims],
    )


def _facts(path: Path, header: bytes) -> WriterFacts:
    try:
        return WriterFacts(*json.loads(header))
    except (ValueError, TypeError):
        aside = path.rename(path.with_suffix(SET_ASIDE))
        raise LogRefused(f"{path} is damaged at its start; it was set aside as {aside}") from None
