"""Figures that are counted in memory, and shared with the other workers when that is asked for."""

from __future__ import annotations

from threading import Lock
from typing import Any

from prometheus_client import values


class HeldValues:
    """The values of one process's metrics; `kind` is what the library is to make each of them of.

    The library's own kind writes every step of a count into the shared file, as many as ten for one request. Here a
    process that is killed takes with it what it counted since it last shared.
    """

    def __init__(self, pid: int) -> None:
        # The library asks for the process's id at every step, for the case that it has forked.
        shared: Any = values.MultiProcessValue(lambda: pid)
        lock = self._lock = Lock()
        changed = self._changed = set[Any]()

        class HeldValue(shared):  # type: ignore[misc]  # the library has no types here
            def inc(self, amount: float) -> None:
                with lock:
                    self._value += amount
                    changed.add(self)

        self.kind = HeldValue

    def share(self) -> None:
        """Write what has changed into the shared files; threads may go on counting."""
        with self._lock:
            for value in self._changed:
                value.set(value.get())
            self._changed.clear()
