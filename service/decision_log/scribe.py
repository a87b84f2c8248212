"""A writer for commands: one transaction at a time, in a chain of its own that holds like any other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL

from service import __version__
from service.decision_log.address import read_address, shown
from service.decision_log.chain import Head
from service.decision_log.entries import canonical
from service.decision_log.errors import LogDown
from service.decision_log.group import Group
from service.decision_log.orders import Resolve, prepare
from service.decision_log.reading import words_of
from service.decision_log.store import FAILURES, Store, WriterFacts, connect


class Scribe:
    """Writes what a command decides, each act in one transaction; not for use by several threads."""

    def __init__(self, store: Store, url: URL, writer: str) -> None:
        self._store = store
        self._url = url
        self.head = Head(writer)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._store.connection.dialect.name

    @property
    def driver(self) -> Any:
        """The driver's own connection, for what is done outside of any transaction."""
        return self._store.connection.connection.dbapi_connection

    def write(self, resolve: Resolve, about: Sequence[str] = ()) -> Any:
        """Append what `resolve(connection)` decides upon, durably, or nothing; returns its result.

        Nobody else who decides upon the ids `about` does so meanwhile. Raises `LogDown` when it cannot be written.
        """
        store, group = self._store, Group(self.head)
        try:
            store.begin()
            store.lock(about)
            resolution = resolve(store.connection)
            group.add([prepare(entry) for entry in resolution.entries])
            store.insert(group.rows, group.parts)
            store.commit()
        except FAILURES as error:
            store.rollback()
            raise _down(error, self._url) from None
        except BaseException:
            store.rollback()
            raise
        self.head = group.head
        return resolution.result


@contextmanager
def writing(address: str, command: str, now: int) -> Iterator[Scribe]:
    """Open a log for a command; now: microseconds since 1970, UTC. Raises `LogRefused` or `LogDown`."""
    url = read_address(address)
    facts = WriterFacts(secrets.token_hex(16), now, canonical({"command": command, "version": __version__}))
    try:
        store = connect(url, facts, now)
    except FAILURES as error:
        raise _down(error, url) from None
    try:
        yield Scribe(store, url, facts.id)
    finally:
        store.close()


def _down(error: Exception, url: URL) -> LogDown:
    return LogDown(
        f"the decision log at {shown(url)} cannot be written: {words_of(error)}; see that it is there, that this "
        "user may write it, and that its disk has room, and run the command again, which takes up what is left"
    )
