"""One line of JSON per request on standard output, without personal data, written by a thread of its own."""

from __future__ import annotations

import json
import sys
from collections import deque
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, TextIO

FLUSH_SECONDS = 0.1
# A reader that has stopped reading must not halt the service: what it misses is counted instead.
MOST_WAITING = 20_000


class RequestLog:
    """Lines are handed over in a microsecond and written within a tenth of a second."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        self._waiting: deque[dict[str, Any]] = deque()
        self._missed = 0
        self._ended = Event()
        self._thread = Thread(target=self._run, name="request-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, **facts: Any) -> None:
        """Hand over one line; `at` is added."""
        if len(self._waiting) >= MOST_WAITING:
            self._missed += 1
            return
        self._waiting.append({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts})

    def close(self) -> None:
        """Write what waits, unless nobody reads it."""
        self._ended.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if self._missed:
            lines.append({"event": "request lines missed", "count": self._missed})
            self._missed = 0
        if lines:
            text = "".join([_ENCODER.encode(line) + "\n" for line in lines])
            try:
                self._output.write(text)
                self._output.flush()
            except (OSError, ValueError):
                self._missed += len(lines)


_ENCODER = json.JSONEncoder(separators=(",", ":"))
