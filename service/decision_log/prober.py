"""Looks for the store while it is down, in a thread of its own, so that the writer never waits for a connection."""

from __future__ import annotations

import threading
from collections.abc import Callable

from service.decision_log.store import Store


class Prober:
    """Tries to connect until it succeeds.

    connect: as `store.connect`. found: called in the prober's thread with the store; it makes the prober rest.
    failed: called with the error of every attempt that was in vain. Neither may raise. seconds: between two attempts.
    """

    def __init__(
        self,
        connect: Callable[[], Store],
        found: Callable[[Store], None],
        failed: Callable[[Exception], None],
        seconds: float,
    ) -> None:
        self._connect, self._found, self._failed, self._seconds = connect, found, failed, seconds
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aval-log-prober", daemon=True)

    def start(self) -> None:
        """Start the thread, which looks for the store at once."""
        self._wanted.set()
        self._thread.start()

    def look(self) -> None:
        """Look for the store again, a moment from now."""
        self._wanted.set()

    def stop(self) -> None:
        """Look no more; a store that is found nevertheless is closed."""
        self._stopped.set()
        self._wanted.set()

    def _run(self) -> None:
        while self._wanted.wait() and not self._stopped.is_set():
            self._wanted.clear()
            try:
                store = self._connect()
            except Exception as error:
                self._failed(error)
                self._stopped.wait(self._seconds)
                self._wanted.set()
            else:
                self._hand_over(store)

    def _hand_over(self, store: Store) -> None:
        if self._stopped.is_set():
            store.close()
        else:
            self._found(store)
