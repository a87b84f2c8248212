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
from service.decision_log.errors import LogDown, LogRefused
from service.decision_log.group import Answer, Group, SpooledClaims, settle, spool_group
from service.decision_log.orders import Order
from service.decision_log.prober import Prober
from service.decision_log.replaying import REPLAYED_AT_ONCE, replay, replay_left
from service.decision_log.spool import Spool, make_spool
from service.decision_log.store import Store, WriterFacts, connect, trouble

_LOG = logging.getLogger(__name__)
# Entries of one commit: more would not make it cheaper, and the first would wait for the last.
_MOST_TOGETHER = 500
# Seconds: between signs of life of an idle writer, between attempts to find a store that is down, between purges of
# old claims, and until a commit counts as stuck.
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

    trouble: why the store is down, None while it is up. submitted, settled: entries so far. looked: set once it is
    known whether the store is up.
    """

    def __init__(self, url: URL, facts: WriterFacts, options: WriterOptions) -> None:
        self.trouble: str | None = "the decision log is not open yet"
        self.submitted = self.settled = 0
        self.looked = threading.Event()
        self._url, self._facts, self._options = url, facts, options
        self._queue: SimpleQueue[Order | Store | None] = SimpleQueue()
        self._committer = Committer(Head(facts.id), self._connect)
        self._spool: Spool | None = make_spool(options.spool, facts) if options.keeps else None
        self._spool_works = True
        self._claims: SpooledClaims = {}
        self._busy_since: float | None = None
        self._purged = time.monotonic()
        self._stopping = False
        self._prober = Prober(self._connect, self._found, self._in_vain, _LOOK)
        self._thread = threading.Thread(target=self._run, name="aval-log-writer", daemon=True)

    def start(self) -> None:
        """Start to look for the store and to write."""
        self._thread.start()
        self._prober.start()

    def submit(self, order: Order) -> None:
        """Have an order written; its future is settled in its own event loop."""
        self.submitted += order.size
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
        return 0 if self._spool is None else self._spool.waiting

    @property
    def accepts(self) -> bool:
        """Whether it is worth while to submit anything."""
        since = self._busy_since
        stuck = since is not None and time.monotonic() - since > _STUCK
        return not stuck and (self.trouble is None or self._spool is not None)

    @property
    def works(self) -> bool:
        """Whether what is submitted now will be kept, as far as can be known."""
        return self.accepts and (self.trouble is None or self._spool_works)

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
        self._committer.let_go()
        if self._spool is not None:
            self._spool.close(keep=self._spool.waiting > 0)

    def _work(self, orders: Sequence[Order]) -> None:
        if orders:
            self._handle(orders)
        else:
            self._beat()
        self._replay_some()

    def _next_orders(self) -> list[Order]:
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

    def _handle(self, orders: Sequence[Order]) -> None:
        if self._committer.store is None or self.spooled:
            self._keep(orders, None)
            return
        began = time.monotonic()
        try:
            group = self._committer.write(orders, _now())
        except Exception as error:
            self._fall(error)
            self._keep(orders, self._committer.doubt)
        else:
            self._settle(group.answers)
            self._options.observe(len(group.rows), time.monotonic() - began)

    def _keep(self, orders: Sequence[Order], doubt: Group | None) -> None:
        """Spool the orders, or refuse them. A group in doubt is spooled to the letter: it may be in the store.

        Until a doubt that cannot be spooled is resolved nothing else is, for nobody knows behind what it would come.
        """
        began = time.monotonic()
        if self._spool is None or self._committer.doubt is not doubt or (doubt and doubt.resolved):
            self._refuse(orders, self.trouble or "the decision log is down")
            return
        group = doubt or spool_group(orders, self._committer.head, self._claims, _now())
        try:
            self._spool.append(group)
        except OSError as error:
            self._spool_works = False
            self._refuse(
                orders, f"the decision log is down, and nothing can be kept in {self._spool.path}: {error}"
            )
            return
        self._spool_works = True
        self._committer.head, self._committer.doubt = group.head, None
        self._claims.update({(claimed.scope, claimed.key): claimed for claimed in group.claims})
        self._settle(group.answers)
        self._options.observe(len(group.rows), time.monotonic() - began)

    def _refuse(self, orders: Sequence[Order], why: str) -> None:
        self._settle([Answer(order, error=LogDown(why)) for order in orders])

    def _settle(self, answers: Sequence[Answer]) -> None:
        self.settled += sum(answer.order.size for answer in answers)
        settle(answers)

    def _beat(self) -> None:
        """Show that the store and the spool can be written, and forget old claims now and then."""
        store, now = self._committer.store, _now()
        try:
            if self._spool is not None and not self._spool_works:
                self._spool.probe()
                self._spool_works = True
        except OSError:
            return
        if store is None:
            return
        try:
            store.begin()
            store.register(self._facts, now)
            if time.monotonic() - self._purged > _PURGE:
                self._purged = time.monotonic()
                store.purge_claims(now - int(self._options.keep_claims * 1e6))
            store.commit()
        except Exception as error:
            self._fall(error)

    def _replay_some(self) -> None:
        """Bring a part of the spool into the store; what is submitted meanwhile is spooled behind it."""
        store, spool = self._committer.store, self._spool
        if store is None or spool is None or not spool.waiting:
            return
        try:
            groups = list(spool.read(REPLAYED_AT_ONCE))
            replay(store, self._facts, groups, _now())
            spool.drop(groups)
        except LogRefused as error:
            _LOG.error("%s; it was set aside as %s", error, spool.set_aside())
            self._spool = make_spool(self._options.spool, self._facts)
        except Exception as error:
            self._fall(error)
        if not self.spooled:
            self._claims.clear()

    def _connect(self) -> Store:
        return connect(self._url, self._facts, _now())

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
        except Exception as error:
            self._fall(error)
        else:
            if self.trouble is not None and self.looked.is_set():
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
