"""Who holds a lock, as it is written down for others to read."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

_HIGHEST_PROCESS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lock.

    token: of this holding alone. machine: tells machines and containers apart, empty where that cannot be told.
    started: when the process did, in the machine's own ticks, which tell it from a later one of the same number.
    """

    token: str
    host: str
    process: int
    since: str
    machine: str = ""
    started: str = ""

    @classmethod
    def this(cls) -> Holder:
        """Return this process, about to hold a lock."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        machine = _machine()
        started = _started(os.getpid()) if machine else ""
        return cls(uuid4().hex, socket.gethostname(), os.getpid(), since, machine, started)

    @classmethod
    def read(cls, content: bytes) -> Holder | None:
        """Return what `to_bytes` wrote, None for anything else."""
        with suppress(ValueError, TypeError):
            body = json.loads(content)
            holder = cls(**{name: body[name] for name in cls.__slots__ if name in body})
            return holder if holder._is_plausible() else None
        return None

    def to_bytes(self, beat: int = 0) -> bytes:
        """Return the holder as JSON; `beat` makes one content unlike the next."""
        return json.dumps({**asdict(self), "beat": beat}).encode()

    def lives_here(self) -> bool | None:
        """Return whether the process is still there; None if this one cannot see it: elsewhere, or another user's."""
        if not self.machine or self.machine != _machine():
            return None
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return None
        return _started(self.process) == self.started

    def _is_plausible(self) -> bool:
        """Anybody may write into a bucket."""
        texts = (self.token, self.host, self.since, self.machine, self.started)
        number = type(self.process) is int and 0 < self.process <= _HIGHEST_PROCESS
        return number and all(isinstance(text, str) for text in texts)

    def __str__(self) -> str:
        """Say who and since when."""
        return f"process {self.process} on {self.host} since {self.since}"


def _machine() -> str:
    """Return the machine's boot and the container's view of processes: within both, process numbers mean the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(process: int) -> str:
    """Return when a process started, `""` if it has ended."""
    try:
        # After the name, which may hold anything: the state first, the start as the twentieth.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
