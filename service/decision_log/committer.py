"""Commits groups behind the head of one chain, exactly once each, whatever becomes of the connection in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError, IntegrityError

from service.decision_log.chain import Head
from service.decision_log.group import Group, write_group
from service.decision_log.orders import Order
from service.decision_log.store import Store

_LOG = logging.getLogger(__name__)
# A connection lost within this time, in seconds, is made anew at once; one that hung has cost its callers enough.
_QUICKLY = 0.5


class Committer:
    """The head of a chain, and the store, where there is one, that it grows in.

    doubt: a group whose COMMIT was sent and not answered; only the store can say whether it is there.
    """

    def __init__(self, head: Head, connect: Callable[[], Store]) -> None:
        self.head = head
        self.store: Store | None = None
        self.doubt: Group | None = None
        self._connect = connect
        # Found missing, it may still have come later: a server finishes what it was told before the line was cut.
        self._missing: Group | None = None

    def take_up(self, store: Store) -> None:
        """Go on with this store; raises what the driver does, and then has no store."""
        self.let_go()
        self.store = store
        try:
            if self.doubt is not None and self._is_there(store, self.doubt):
                _LOG.warning(
                    "entries up to %s/%d are in the decision log, though their callers were told that it was down",
                    self.doubt.head.writer,
                    self.doubt.head.seq,
                )
                self.head = self.doubt.head
            self.doubt = None
        except Exception:
            self.let_go()
            raise

    def let_go(self) -> None:
        """Close the store, if there is one."""
        if self.store is not None:
            self.store.close()
            self.store = None

    def write(self, orders: Sequence[Order], now: int) -> Group:
        """Commit the orders as one group and return it; it is then durable, and its end is the head.

        Where only the connection was lost, it is made anew once. Raises what the driver does: then nothing was
        written, or it is in doubt.
        """
        began = time.monotonic()
        try:
            return self._transact(orders, now)
        except DBAPIError as error:
            if isinstance(error, IntegrityError):
                return self._write_behind_latecomer(orders, now, error)
            if not error.connection_invalidated or time.monotonic() - began > _QUICKLY:
                raise
        return self._write_again(orders, now)

    def _transact(self, orders: Sequence[Order], now: int) -> Group:
        store = self._opened()
        try:
            store.begin()
            group = write_group(store, orders, self.head, now)
            self.doubt = group
            store.commit()
        finally:
            # A failed transaction must hold no lock; after a commit there is nothing to roll back.
            store.rollback()
        return self._arrived(group)

    def _write_again(self, orders: Sequence[Order], now: int) -> Group:
        self.let_go()
        self.store = self._connect()
        doubt, self.doubt = self.doubt, None
        if doubt is None:
            return self._transact(orders, now)
        if self._is_there(self.store, doubt):
            return self._arrived(doubt)
        try:
            return self._transact(orders, now)
        except IntegrityError:
            # The first one came after all, in the same places: only one of them is there.
            if not self._is_there(self.store, doubt):
                raise
        return self._arrived(doubt)

    def _write_behind_latecomer(self, orders: Sequence[Order], now: int, error: Exception) -> Group:
        late, self._missing = self._missing, None
        if late is None or not self._is_there(self._opened(), late):
            raise error
        self.head = late.head
        return self._transact(orders, now)

    def _is_there(self, store: Store, group: Group) -> bool:
        store.begin()
        try:
            there = store.holds(group.head)
        finally:
            store.rollback()
        self._missing = None if there else group
        return there

    def _arrived(self, group: Group) -> Group:
        self.head, self.doubt = group.head, None
        return group

    def _opened(self) -> Store:
        if self.store is None:
            raise ConnectionError("the store is closed")
        return self.store
