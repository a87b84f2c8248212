"""The writer: the one thread of a process that writes to the log, whole groups of orders in one commit each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlalchemy import URL

from service.decision_log.chain import Head
from service.decision_log.committer import Committer
from service.decision_log.errors import LogDown
from service.decision_log.fallback import Fallback
from service.decision_log.group import Answer, Group, settle
from service.decision_log.orders import Order
from service.decision_log.prober import Prober
from service.decision_log.replaying import replay_left
from service.decision_log.store import Store, WriterFacts, connect, is_of_data, trouble
from service.decision_log.upkeep import Upkeep

_LOG = logging.getLogger(__name__)
# Entries of one commit: more would not make it cheaper, and the first would wait for the last.
_MOST_TOGETHER = 500
# Seconds: between signs of life, between attempts to find a store that is down, between purges of old claims, and until
# a commit counts as stuck.
_HEARTBEAT, _LOOK, _PURGE, _STUCK = 2.0, 1.0, 60.0, 5.0


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How a writer behaves.

    spool: the folder of spools. keeps: whether it spools while the store is down, or refuses. keep_claims: seconds
    that an idempotency key is remembered. observe: called in the writer's thread with each group's entries and seconds.
    """

    spool: Path
    keeps: bool
    keep_claims: float
    observe: Callable[[int, float], None]


class Writer:
    """Writes what it is given, in the order in which it is given.

    trouble: why the store is down, None while it is up. settled: entries so far. looked: set once it is
    known whether the store is up.
    """

    def __init__(self, url: URL, facts: WriterFacts, options: WriterOptions) -> None:
        self.trouble: str | None = "the decision log is not open yet"
        self.settled = 0
        self.looked = threading.Event()
        self._url, self._facts, self._options = url, facts, options
        self._queue: SimpleQueue[Order | Store | None] = SimpleQueue()
        self._committer = Committer(Head(facts.id), self._connect)
        self._fallback = Fallback(options.spool, facts, options.keeps)
        self._busy_since: float | None = None
        self._upkeep = Upkeep(facts, _HEARTBEAT, _PURGE)
        self._stopping = False
        self._prober = Prober(self._connect, self._found, self._in_vain, _LOOK)
        self._thread = threading.Thread(target=self._run, name="aval-log-writer", daemon=True)

    def start(self) -> None:
        """Start to look for the store and to write."""
        self._thread.start()
        self._prober.start()

    def submit(self, order: Order) -> None:
        """Have an order written; its future is settled in its own event loop."""
        self._queue.put(order)

    def stop(self, seconds: float) -> bool:
        """Write what was submitted, then stop; returns whether that was done within the time."""
        self._prober.stop()
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def head(self) -> Head:
        """The last entry of this writer's chain."""
        return self._committer.head

    @property
    def spooled(self) -> int:
        """How many entries wait in the spool."""
        return self._fallback.waiting

    @property
    def accepts(self) -> bool:
        """Whether it is worth while to submit anything."""
        since = self._busy_since
        stuck = since is not None and time.monotonic() - since > _STUCK
        return not stuck and (self.trouble is None or self._fallback.spools)

    @property
    def works(self) -> bool:
        """Whether what is submitted now will be kept, as far as can be known."""
        return self.accepts and (self.trouble is None or self._fallback.works)

    def _run(self) -> None:
        while not self._stopping:
            orders = self._next_orders()
            self._busy_since = time.monotonic()
            try:
                self._work(orders)
            except Exception as error:
                # A mistake of ours; whoever waits must not wait for ever, nor must the thread end.
                _LOG.exception("the writer of the decision log failed")
                self._fall(error)
                self._refuse(orders, "the writer of the decision log failed; see its log")
            self._busy_since = None
        self._clear()
        self._committer.let_go()
        self._fallback.close()

    def _clear(self) -> None:
        """Refuse what was submitted too late, and close a store that was found too late."""
        with suppress(Empty):
            while True:
                item = self._queue.get_nowait()
                if isinstance(item, Order):
                    self._refuse([item], "the decision log is closed")
                elif item is not None:
                    item.close()

    def _next_orders(self) -> list[Order]:
        """Return what waits; the first is waited for, unless there is a spool to be replayed."""
        orders: list[Order] = []
        entries = 0
        idle = self._committer.store is None or not self.spooled
        with suppress(Empty):
            while entries < _MOST_TOGETHER:
                item = self._queue.get(idle and not orders, _HEARTBEAT)
                if isinstance(item, Order):
                    orders.append(item)
                    entries += item.size
                elif item is None:
                    self._stopping = True
                    break
                else:
                    self._take_up(item)
        return orders

    def _work(self, orders: Sequence[Order]) -> None:
        if orders:
            self._take(orders)
        else:
            self._fallback.probe()
        self._while_up(self._upkeep.tend)
        # What is submitted while the spool is replayed is spooled behind it, until it is empty.
        self._while_up(self._fallback.replay_some)

    def _take(self, orders: Sequence[Order]) -> None:
        if self._committer.store is None or self.spooled:
            self._keep(orders, None)
        else:
            self._write(orders)

    def _write(self, orders: Sequence[Order]) -> None:
        began = time.monotonic()
        try:
            group = self._committer.write(orders, _now())
        except Exception as error:
            if is_of_data(error) and self._committer.doubt is None:
                self._divide(orders, error)
                return
            self._fall(error)
            self._keep(orders, self._committer.doubt)
        else:
            self._settle(group, began)

    def _divide(self, orders: Sequence[Order], error: Exception) -> None:
        """Write half of the orders and then the others, until the one that no database can hold is alone."""
        if len(orders) == 1:
            # Not the database's own words: they may hold values of the record.
            why = f"the decision log cannot hold this: {type(getattr(error, 'orig', error)).__name__}"
            _LOG.error("%s; it was refused, and the rest is written", why)
            self._refuse(orders, why)
            return
        half = len(orders) // 2
        self._take(orders[:half])
        self._take(orders[half:])

    def _keep(self, orders: Sequence[Order], doubt: Group | None) -> None:
        began = time.monotonic()
        why = self.trouble or "the decision log is down"
        try:
            group = self._fallback.keep(orders, self._committer, doubt, why)
        except LogDown as error:
            self._refuse(orders, str(error))
        else:
            self._settle(group, began)

    def _refuse(self, orders: Sequence[Order], why: str) -> None:
        self.settled += sum(order.size for order in orders)
        settle([Answer(order, error=LogDown(why)) for order in orders])

    def _settle(self, group: Group, began: float) -> None:
        self.settled += sum(answer.order.size for answer in group.answers)
        settle(group.answers)
        self._options.observe(len(group.rows), time.monotonic() - began)

    def _while_up(self, do: Callable[[Store], None]) -> None:
        if self._committer.store is None:
            return
        try:
            do(self._committer.store)
        except Exception as error:
            self._fall(error)

    def _connect(self) -> Store:
        return connect(self._url, self._facts, _now(), self._options.keep_claims)

    def _found(self, store: Store) -> None:
        self._queue.put(store)
        try:
            replay_left(self._options.spool, self._connect)
        except Exception as error:
            _LOG.error("what an ended process has spooled stays for later: %s", trouble(error, self._url))

    def _in_vain(self, error: Exception) -> None:
        self._say(error)
        self.looked.set()

    def _take_up(self, store: Store) -> None:
        try:
            self._committer.take_up(store)
            self._upkeep.connected()
        except Exception as error:
            self._fall(error)
        else:
            if self.looked.is_set():
                _LOG.warning("the decision log is up again")
            self.trouble = None
        self.looked.set()

    def _fall(self, error: Exception) -> None:
        self._committer.let_go()
        self._say(error)
        self._prober.look()

    def _say(self, error: Exception) -> None:
        words = trouble(error, self._url)
        if words != self.trouble:
            _LOG.error("%s", words)
        self.trouble = words


def _now() -> int:
    return time.time_ns() // 1000
