"""The database of monitoring, apart from the decision log's own tables. No message shows a password."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from service.decision_log.address import shown
from service.decision_log.reading import words_of
from service.decision_log.sqlite_lock import run_patiently
from service.errors import AvalError, WrongUse
from service.monitoring.tables import METADATA

# Seconds that a statement may wait for another process's lock.
PATIENCE = 30
# PostgreSQL's key of the lock that whoever makes the tables holds; any number that nothing else uses.
TABLES_LOCK = 0x4176616C00000002
_FORMS = "sqlite:////folder/monitoring.db or postgresql://user:password@host:5432/database"
# The one statement that the two databases share and SQLAlchemy knows only by database.
INSERTS: dict[str, Callable[[Any], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class MonitoringDown(AvalError):
    """The database of monitoring cannot be used now; the decision log and what is decided do not need it."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open database of monitoring, whose tables are there; threads may share it, each with its own transactions."""

    engine: Engine = field(repr=False)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads; raises `MonitoringDown`."""
        with _transaction(self.engine, writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes, committed at its end; raises `MonitoringDown`.

        In SQLite nobody else writes meanwhile.
        """
        with _transaction(self.engine, writes=True) as connection:
            yield connection


def open_database(address: str) -> Database:
    """Open the database at a SQLAlchemy URL, made with its tables where they are missing.

    Raises `WrongUse` for an address that is no SQLite file and no PostgreSQL database, and `MonitoringDown`.
    """
    url = _url(address)
    database = Database(_postgres(url) if url.get_backend_name() == "postgresql" else _sqlite(url))
    with database.reading() as connection:
        there = set(inspect(connection).get_table_names())
    if not there.issuperset(METADATA.tables):
        _make_tables(database)
    return database


def insertion(connection: Connection, table: Any) -> Any:
    """Return an INSERT for this database that can say what to do on a conflict."""
    return INSERTS[connection.dialect.name](table)


def _make_tables(database: Database) -> None:
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(TABLES_LOCK)))
        METADATA.create_all(connection)


@contextmanager
def _transaction(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    try:
        with engine.execution_options(writes=writes).begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise MonitoringDown(
            f"the monitoring database at {shown(engine.url)} cannot be used: {words_of(error)}; see that it is there, "
            "that this user may write it, and that AVAL_MONITORING names it"
        ) from None


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # Not the parser's own words: they may quote half a password.
        raise WrongUse(f"the address of the monitoring database cannot be read; write {_FORMS}") from None
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite" or url.database in (None, "", ":memory:") or url.query or url.host:
        raise WrongUse(
            f"the monitoring database cannot be kept at this {url.drivername} address; write {_FORMS}"
        )
    return url


def _sqlite(url: URL) -> Engine:
    file = Path(url.database or "").absolute()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # It tells how people were decided upon: for this user's eyes, as the decision log is.
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise MonitoringDown(f"the monitoring database {file} cannot be made: {error.strerror}") from None
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        run_patiently(connection, "PRAGMA journal_mode = WAL", PATIENCE)
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: URL) -> Engine:
    # Its driver is imported only where there is such a database.
    from service.decision_log.postgres import postgres_engine

    engine = postgres_engine(url, connect_timeout=5, application_name="aval monitoring")

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.execute(f"SET lock_timeout TO '{PATIENCE}s'")
        connection.execute(f"SET statement_timeout TO '{2 * PATIENCE}s'")
        # What somebody else has just committed is to be seen, whatever the server's own default is.
        connection.execute("SET default_transaction_isolation TO 'read committed'")
        connection.commit()

    return engine
