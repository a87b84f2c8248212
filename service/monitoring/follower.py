"""Counts in the background while somebody looks, in short steps with rests between them, one process at a time."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Thread

from service.decision_log.segments.store import SegmentStore
from service.errors import AvalError
from service.monitoring.following import Rollup, follow
from service.monitoring.rollups import RollupStore

_LOG = logging.getLogger(__name__)
# Microseconds for which the counts in another bundle's bins are kept: it may be taken back.
_KEPT = 30 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How the background counts, so that whoever asks for decisions notices nothing.

    at_once: entries of one step. rest: seconds between steps for each second that a step took. every: seconds from one
    look at the log to the next. looked: seconds after which nobody looks any more. lease: seconds for which one process
    counts and the others leave it to it.
    """

    at_once: int = 2_000
    rest: float = 3.0
    every: float = 10.0
    looked: float = 150.0
    lease: float = 60.0


USUAL_PACE = Pace()


class Follower:
    """A thread that counts while somebody looks; it ends when nobody has for a while, and begins again."""

    def __init__(
        self,
        store: Callable[[], RollupStore],
        log: SegmentStore,
        use_case: str,
        rollups: Sequence[Rollup],
        tell: Callable[[bool], None],
        pace: Pace = USUAL_PACE,
    ) -> None:
        """Prepare; nothing is opened before somebody looks.

        tell: called after each look at the log that succeeded, in this thread, with whether this process counted.
        Where counting fails nothing is told, until it is done again and succeeds.
        """
        self._store, self._log, self._use_case, self._rollups = store, log, use_case, rollups
        self._tell, self._pace = tell, pace
        self._holder = secrets.token_hex(8)
        self._closed = Event()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._leased: dict[str, int] = {}
        self._began = 0.0
        self._looked = 0.0
        self._complaint = ""

    def look(self) -> None:
        """Say that somebody looks; returns at once."""
        with self._lock:
            self._looked = time.monotonic()
            if self._thread is None and not self._closed.is_set():
                self._thread = Thread(target=self._run, name="monitoring", daemon=True)
                self._thread.start()

    def close(self, seconds: float) -> None:
        """Stop after the step that is being done; what it counts is kept, and the rest is counted later."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        while self._is_wanted():
            try:
                self._tell(self._count())
                self._complaint = ""
            except AvalError as error:
                self._complain(str(error))
            except Exception:  # whatever happens here must not reach the service
                _LOG.exception("what the decision log holds could not be counted")
            self._closed.wait(self._pace.every)

    def _is_wanted(self) -> bool:
        with self._lock:
            wanted = time.monotonic() - self._looked < self._pace.looked and not self._closed.is_set()
            if not wanted:
                self._thread = None
            return wanted

    def _count(self) -> bool:
        """Count what is new, and return whether this process did any of it, rather than leave all to others."""
        store = self._store()
        # All of them: any() alone would leave out those behind the first.
        counted = [self._follow(store, rollup) for rollup in self._rollups]
        return any(counted)

    def _follow(self, store: RollupStore, rollup: Rollup) -> bool:
        if not self._lease(store, rollup):
            return False
        self._began = time.monotonic()
        goes_on = partial(self._goes_on, store, rollup)
        follow(rollup, store, self._log, self._use_case, self._pace.at_once, goes_on)
        store.forget(rollup.name, _now() - _KEPT)
        return True

    def _goes_on(self, store: RollupStore, rollup: Rollup) -> bool:
        """Rest in proportion to what the step took, and return whether there is to be another one."""
        took = time.monotonic() - self._began
        stopped = self._closed.wait(took * self._pace.rest)
        self._began = time.monotonic()
        return not stopped and self._lease(store, rollup)

    def _lease(self, store: RollupStore, rollup: Rollup) -> bool:
        now, lasts = _now(), int(self._pace.lease * 1e6)
        if now > self._leased.get(rollup.name, 0) - lasts // 2:
            if not store.lease(rollup.name, self._holder, now, now + lasts):
                return False
            self._leased[rollup.name] = now + lasts
        return True

    def _complain(self, words: str) -> None:
        if words != self._complaint:
            _LOG.warning("what the decision log holds is not counted now: %s", words)
        self._complaint = words


def _now() -> int:
    return time.time_ns() // 1000
