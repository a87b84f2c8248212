"""A simulation that is asked to end hears of it between two days, never within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Stop:
    """Whether an end was asked for; by: name of the signal, such as SIGINT, None as long as nobody asked."""

    by: str | None = None


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Take note of SIGINT and SIGTERM instead of ending by them; a second one ends at once, as it would have before.

    What is ignored stays ignored. Outside of the main thread nothing is heard.
    """
    stop = Stop()
    here = _ASKING if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in here}
    before = {number: one for number, one in before.items() if one not in (None, signal.SIG_IGN)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        stop.by = signal.Signals(number).name
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        restore()
