"""The writer's one connection to the database, and the few statements that it makes there."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from sqlalchemy import URL, Connection, Table, delete, select, text, tuple_
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from service.decision_log.address import shown, writing_engine
from service.decision_log.chain import Head, Row
from service.decision_log.errors import KeyReused, LogDown, LogRefused
from service.decision_log.migrations import migrate
from service.decision_log.orders import ClaimRow, PartRow
from service.decision_log.tables import CLAIMS, ENTRIES, RECORDS

# Whatever a database, a driver or the file system can fail with; SQLite's lock is asked for without SQLAlchemy.
FAILURES = (SQLAlchemyError, OSError, sqlite3.Error)
# Two numbers make the key of a lock in PostgreSQL: what it is about, and which of so many buckets.
_DECISION_LOCKS, _BUCKETS = 0x4176616C, 256
# Of one statement: SQLite takes 32,766 values. In one statement because the driver lets other threads run between two,
# and then waits for its turn again.
_ROWS_AT_ONCE = 500
_PURGED_AT_ONCE = 1_000
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class WriterFacts:
    """A row of the table `writers`; about: canonical JSON."""

    id: str
    started_at: int
    about: str


class Store:
    """An open connection; every method but `close` raises what the driver does, and one thread at a time uses it.

    remembers: seconds after which a claim counts for nothing.
    """

    def __init__(self, connection: Connection, remembers: float) -> None:
        self.connection = connection
        self._remembers = int(remembers * 1e6)
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        self._insert_entry = _insertion(ENTRIES, mark)
        self._insert_part = _insertion(RECORDS, mark)
        self._insert_claim = f"{_insertion(CLAIMS, mark)} {_UNLESS_REMEMBERED} {mark}"
        self._file = _file_of(connection)

    def begin(self) -> None:
        """Begin to write: in SQLite no other process can write from here on."""
        # A file that was deleted or replaced can still be written, and whatever is would be gone with the process.
        if self._file != _file_of(self.connection):
            raise OSError("the file is no longer the one that was opened")
        self.connection.begin()

    def commit(self) -> None:
        """Commit durably."""
        self.connection.commit()

    def rollback(self) -> None:
        """Undo what was begun, if anything; never raises."""
        with suppress(*FAILURES):
            self.connection.rollback()

    def close(self) -> None:
        """Give the connection back; never raises."""
        self.rollback()
        with suppress(*FAILURES):
            self.connection.close()

    def insert(self, rows: Sequence[Row], parts: Sequence[PartRow]) -> None:
        """Add entries and the parts of their records."""
        for statement, given in ((self._insert_entry, rows), (self._insert_part, parts)):
            for start in range(0, len(given), _ROWS_AT_ONCE):
                some = given[start : start + _ROWS_AT_ONCE]
                values = tuple(chain.from_iterable(some))
                self.connection.exec_driver_sql(_with_rows(statement, len(some)), values)

    def holds(self, head: Head) -> bool:
        """Return whether that very entry is there."""
        found = select(ENTRIES.c.hash).where(ENTRIES.c.writer == head.writer, ENTRIES.c.seq == head.seq)
        return self.connection.scalar(found) == head.hash

    def hashes(self, writer: str, first: int, last: int) -> dict[int, bytes]:
        """Return the hashes of a writer's entries from `first` to `last`, by `seq`."""
        ours = (ENTRIES.c.writer == writer, ENTRIES.c.seq.between(first, last))
        found = self.connection.execute(select(ENTRIES.c.seq, ENTRIES.c.hash).where(*ours))
        return {row.seq: bytes(row.hash) for row in found}

    def claim(self, claimed: ClaimRow) -> bytes | None:
        """Claim an idempotency key, or return the answer that it already has; raises `KeyReused`.

        Of two that claim a key at the same time, the second waits for the first one's commit. A claim that is too old
        to be remembered is as good as none.
        """
        if self._insert(claimed):
            return None
        key = (CLAIMS.c.scope == claimed.scope, CLAIMS.c.key == claimed.key)
        body, answer = self.connection.execute(select(CLAIMS.c.body, CLAIMS.c.answer).where(*key)).one()
        return first_answer(claimed, bytes(body), bytes(answer))

    def keep_claims(self, claims: Iterable[ClaimRow]) -> None:
        """Keep claims that were answered already; of two for one key the first stays."""
        for claimed in claims:
            self._insert(claimed)

    def purge_claims(self, now: int) -> bool:
        """Forget some of the keys that are no longer remembered, and return whether there may be more of them."""
        key = tuple_(CLAIMS.c.scope, CLAIMS.c.key)
        before = now - self._remembers
        old = select(CLAIMS.c.scope, CLAIMS.c.key).where(CLAIMS.c.at < before).limit(_PURGED_AT_ONCE)
        # In PostgreSQL two writers would otherwise wait for one another.
        purged = self.connection.execute(delete(CLAIMS).where(key.in_(old.with_for_update(skip_locked=True))))
        return purged.rowcount >= _PURGED_AT_ONCE

    def lock(self, about: Iterable[str]) -> None:
        """Until the transaction ends, let no other resolver decide upon these ids.

        The ids share 256 locks, taken in order, so that nobody waits in a circle.
        """
        if self.connection.dialect.name == "sqlite":
            return
        for bucket in sorted({hashlib.sha256(one.encode()).digest()[0] % _BUCKETS for one in about}):
            self.connection.execute(
                text("SELECT pg_advisory_xact_lock(:about, :bucket)"),
                {"about": _DECISION_LOCKS, "bucket": bucket},
            )

    def register(self, facts: WriterFacts, now: int) -> None:
        """Say which writer is here and that it can write."""
        statement = text(
            "INSERT INTO writers (id, started_at, seen_at, about) VALUES (:id, :started_at, :now, :about)"
            " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
        )
        values = {"id": facts.id, "started_at": facts.started_at, "now": now, "about": facts.about}
        self.connection.execute(statement, values)

    def _insert(self, claimed: ClaimRow) -> bool:
        given = (*claimed, claimed.at - self._remembers)
        return self.connection.exec_driver_sql(self._insert_claim, given).rowcount == 1


def connect(url: URL, facts: WriterFacts, now: int, remembers: float = _DAY) -> Store:
    """Return a store that has just proved that it can write: its schema is up to date, and the writer is registered.

    now: microseconds since 1970, UTC. remembers: seconds that a claim counts.

    Raises what the driver does, `OSError` for a folder that cannot be made, `LogRefused` for a later schema.
    """
    store = Store(writing_engine(url).connect(), remembers)
    try:
        store.begin()
        migrate(store.connection)
        store.register(facts, now)
        store.commit()
    except BaseException:
        store.close()
        raise
    return store


def is_of_data(error: Exception) -> bool:
    """Return whether a database that works well refused what it was given: it will refuse that for ever."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    # PostgreSQL's classes of errors: values that it cannot hold, and such as are beyond its limits.
    state = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(error, DataError) or state.startswith(("22", "54"))


def trouble(error: Exception, url: URL) -> str:
    """Say in a line why the log cannot be written, and what to look at."""
    if isinstance(error, (LogRefused, LogDown)):
        return str(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    return (
        f"the decision log at {shown(url)} cannot be written: {words}; see that it is there, that this user may "
        f"write it, and that its disk has room. It is tried again every second"
    )


def first_answer(claimed: ClaimRow, body: bytes, answer: bytes) -> bytes:
    """Return the first answer of a key claimed before; raises `KeyReused` where the body was another."""
    if body != claimed.body:
        raise KeyReused(
            "this idempotency key was used before with another body; use a new key for a new request"
        )
    return answer


def _file_of(connection: Connection) -> tuple[int, int] | None:
    """Return what tells the file of a SQLite database from every other file."""
    if connection.dialect.name != "sqlite":
        return None
    found = os.stat(connection.engine.url.database or "")
    return found.st_dev, found.st_ino


@lru_cache(maxsize=1024)
def _with_rows(insertion: str, rows: int) -> str:
    head, values, marks = insertion.partition(" VALUES ")
    return head + values + ", ".join([marks] * rows)


# A row that stays is locked, so that nobody forgets it before its answer is read.
_UNLESS_REMEMBERED = """ON CONFLICT (scope, key) DO UPDATE
    SET body = excluded.body, answer = excluded.answer, at = excluded.at WHERE claims.at <"""


def _insertion(table: Table, mark: str) -> str:
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join([mark] * len(table.columns))
    return f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608  # our own names and marks
