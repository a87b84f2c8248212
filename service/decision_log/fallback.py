"""What becomes of orders while the store is down: they are refused, or kept in a spool until it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from service.decision_log.committer import Committer
from service.decision_log.errors import LogDown, LogRefused
from service.decision_log.group import Group, SpooledClaims, held_by, spool_group
from service.decision_log.orders import Order
from service.decision_log.replaying import replay_next
from service.decision_log.spool import Spool, make_spool
from service.decision_log.store import Store, WriterFacts

_LOG = logging.getLogger(__name__)
# Bytes of first answers that one process remembers until the store is back.
_MOST_HELD = 64 * 2**20


class Fallback:
    """One writer's way out; with `spools` false it refuses everything.

    works: whether the spool could be written last. Raises `LogRefused` for a folder that cannot be written.
    """

    def __init__(self, folder: Path, facts: WriterFacts, spools: bool) -> None:
        self.works = spools
        self._folder, self._facts = folder, facts
        self._spool: Spool | None = make_spool(folder, facts) if spools else None
        self._claims: SpooledClaims = {}
        self._room = _MOST_HELD

    @property
    def spools(self) -> bool:
        """Whether it keeps orders at all."""
        return self._spool is not None

    @property
    def waiting(self) -> int:
        """How many entries are in the spool and not yet in the store."""
        return 0 if self._spool is None else self._spool.waiting

    def keep(self, orders: Sequence[Order], committer: Committer, doubt: Group | None, why: str) -> Group:
        """Spool the orders behind the committer's head and return their group; raises `LogDown`, with `why`.

        doubt: the orders' own group where its COMMIT was not answered; it is spooled to the letter, for it may be in
        the store. While another doubt is open nothing is kept: nobody knows behind which entry it would come. Nor is a
        doubt that a resolver had a part in, which may have done more than its rows tell.
        """
        if self._spool is None or committer.doubt is not doubt or (doubt is not None and doubt.resolved):
            raise LogDown(why)
        group = doubt or spool_group(orders, committer.head, self._claims, self._room, time.time_ns() // 1000)
        try:
            self._spool.append(group)
        except OSError as error:
            self.works = False
            raise LogDown(f"{why}; and nothing can be kept in {self._spool.path}: {error}") from None
        self.works = True
        committer.head, committer.doubt = group.head, None
        self._claims.update({(claimed.scope, claimed.key): claimed for claimed in group.claims})
        self._room -= held_by(group.claims)
        return group

    def probe(self) -> None:
        """Find out whether a spool that failed works again; never raises."""
        if self._spool is None or self.works:
            return
        try:
            self._spool.probe()
        except OSError:
            return
        self.works = True

    def replay_some(self, store: Store) -> None:
        """Bring the first part of what waits into the store; raises what the driver does.

        A spool that the store contradicts is set aside, and a new one begun; of one that holds what no database can,
        those lines alone are.
        """
        if self._spool is None or not self._spool.waiting:
            return
        try:
            replay_next(store, self._spool)
        except LogRefused as error:
            _LOG.error("%s; it was set aside as %s", error, self._spool.set_aside())
            self._spool = None
            self._spool = make_spool(self._folder, self._facts)
        if not self.waiting:
            self._claims.clear()
            self._room = _MOST_HELD

    def close(self) -> None:
        """Let go of the spool; what waits in it stays for the next start."""
        if self._spool is not None:
            self._spool.close(keep=self._spool.waiting > 0)
