"""A second bundle that scores what the first one decided, after the answer and without a say in it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from queue import Empty, Full, Queue
from threading import Event, Thread

from service.decision_log import DecisionLog, Entry, Kind
from service.decision_log.entries import NO_RECORD
from service.online.metrics import Metrics
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

# What waits longer than this many records is not worth having: the decisions are in the log and can be scored later.
MOST_WAITING = 1_000
_LOG = logging.getLogger(__name__)


class Shadow:
    """Scores logged decisions in a thread of its own and logs them apart; what it cannot keep up with is counted."""

    def __init__(self, scorer: Scorer, log: DecisionLog, metrics: Metrics) -> None:
        self.scorer = scorer
        self._log = log
        self._metrics = metrics
        self._waiting: Queue[Entry] = Queue(MOST_WAITING)
        self._ended = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to score; called from the event loop that the log runs on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def offer(self, decided: Entry) -> None:
        """Hand over a decision; returns at once, whatever becomes of it."""
        try:
            self._waiting.put_nowait(decided)
        except Full:
            self._metrics.shadowed("missed")

    def close(self) -> None:
        """Stop; what waits is left."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                decided = self._waiting.get(timeout=0.2)
            except Empty:
                continue
            try:
                self._score(decided)
            except Exception:  # whatever happens here must not reach the service
                self._metrics.shadowed("failed")
                _LOG.exception("the shadow failed on %s", decided.about)

    def _score(self, decided: Entry) -> None:
        if self._loop is None:
            return
        record = {**(decided.record.inputs or {}), **(decided.record.personal or {})}
        try:
            scored = self.scorer.score(record)
        except RecordInvalid:
            # Another contract than the champion's may refuse what the champion took.
            self._metrics.shadowed("refused")
            return
        entry = replace(
            decided,
            kind=Kind.SHADOW,
            probability=scored.probability,
            decision=str(scored.decision),
            model=self.scorer.tag,
            policy=self.scorer.policy.version,
            contract=self.scorer.contract.version,
            details={"reasons": [[item.code, item.feature] for item in scored.reasons]},
            record=NO_RECORD,
        )
        asyncio.run_coroutine_threadsafe(self._log.append((entry,)), self._loop).result(timeout=30)
        self._metrics.shadowed("scored")
