"""What a writer does besides writing, also while there is much to write: show that it lives, and forget old keys."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from service.decision_log.store import Store, WriterFacts

# Seconds between two purges where the first left some: each holds up what is to be written for a moment.
_REST = 0.25


@dataclass(slots=True)
class Upkeep:
    """When which of it is due; heartbeat, purge: seconds from one to the next."""

    facts: WriterFacts
    heartbeat: float
    purge: float
    _beaten: float = field(default_factory=time.monotonic)
    _purged: float = field(default_factory=time.monotonic)
    _left: bool = False

    def connected(self) -> None:
        """Take notice that the writer has just shown that it lives, which a new connection does."""
        self._beaten = time.monotonic()

    def tend(self, store: Store) -> None:
        """Do what is due, each in a transaction of its own; raises what the driver does."""
        now = time.monotonic()
        if now - self._beaten >= self.heartbeat:
            self._beaten = now
            store.begin()
            store.register(self.facts, time.time_ns() // 1000)
            store.commit()
        if now - self._purged >= (_REST if self._left else self.purge):
            self._purged = now
            store.begin()
            self._left = store.purge_claims(time.time_ns() // 1000)
            store.commit()
