"""Where a command tells how far it is and what came of it: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from service.batch.pace import Pace
from service.batch.step import Step

Row = tuple[str, str]
# Seconds between lines: for people who look on, for logs, for programs.
ON_TERMINAL, IN_LOGS, FOR_PROGRAMS = 0.2, 10.0, 1.0


class Screen(Protocol):
    """What commands print on; `aval` has one with colours, the image a plain one."""

    def progress(self, title: str) -> AbstractContextManager[Callable[[Step], None]]:
        """Show how far a run is while the block lasts; give what it tells its steps to."""

    def table(self, rows: Sequence[Row]) -> None:
        """Print names and values on standard output."""

    def say(self, line: str) -> None:
        """Print a line on standard output."""

    def note(self, line: str) -> None:
        """Print a line on standard error."""


class PlainScreen:
    """Text without any library: one line that changes on a terminal, elsewhere a line every ten seconds."""

    def progress(self, title: str) -> AbstractContextManager[Callable[[Step], None]]:
        """Show how far a run is while the block lasts; give what it tells its steps to."""
        return changing_line(title) if sys.stderr.isatty() else lines(title)

    def table(self, rows: Sequence[Row]) -> None:
        """Print names and values on standard output."""
        width = max((len(name) for name, _ in rows), default=0)
        for name, value in rows:
            self.say(f"{name:<{width}}  {value}")

    def say(self, line: str) -> None:
        """Print a line on standard output."""
        sys.stdout.write(f"{line}\n")

    def note(self, line: str) -> None:
        """Print a line on standard error."""
        sys.stderr.write(f"{line}\n")


@contextmanager
def changing_line(title: str) -> Iterator[Callable[[Step], None]]:
    """Show how far a run is in one line of a terminal, and take it away at the end."""
    pace = Pace()
    try:
        with _regularly(ON_TERMINAL, lambda: _write(f"\r\x1b[K{title}: {pace.words}")):
            yield pace.take
    finally:
        _write("\r\x1b[K")


@contextmanager
def lines(title: str, seconds: float = IN_LOGS) -> Iterator[Callable[[Step], None]]:
    """Write how far a run is, a line every few seconds."""
    pace = Pace()
    with _regularly(seconds, lambda: _write(f"{title}: {pace.words}\n")):
        yield pace.take


@contextmanager
def json_lines(seconds: float = FOR_PROGRAMS) -> Iterator[Callable[[Step], None]]:
    """Write how far a run is as JSON Lines, `{"progress": {…}}`, every second and once more at the end."""
    pace = Pace()

    def write() -> None:
        if (body := pace.as_json()) is not None:
            _write(json.dumps({"progress": body}) + "\n")

    with _regularly(seconds, write):
        yield pace.take
    write()


@contextmanager
def _regularly(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Act every so many seconds on a thread of its own, also while nothing is told: a download may take a while."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds):
            act()

    thread = threading.Thread(target=beat, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
