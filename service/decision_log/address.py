"""Where the decision log is: its address, checked, and engines for it. No message shows a password."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from service.decision_log.errors import LogRefused
from service.decision_log.sqlite_lock import run_patiently

# Seconds that a write may wait for another process's lock, and that PostgreSQL may take for one statement.
PATIENCE = 2.0
_FORMS = "sqlite:////folder/decisions.db or postgresql://user:password@host:5432/database"


def read_address(text: str) -> URL:
    """Return the address of a log; raises `LogRefused` for one that is no SQLite file and no PostgreSQL database."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Not the parser's own words: they quote what stands in the place of a port, which may be half a password.
        raise LogRefused(f"the address of the decision log cannot be read; write {_FORMS}") from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise LogRefused(f"the decision log cannot be kept in {url.drivername!r}; write {_FORMS}")
    if url.database in (None, "", ":memory:") or url.query or url.host:
        raise LogRefused(f"the address of the decision log names no file alone; write {_FORMS}")
    return url


def shown(url: URL) -> str:
    """Return an address for messages: without user, password and options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    return URL.create("postgresql", host=url.host, port=url.port, database=url.database).render_as_string()


def reading_engine(text: str) -> Engine:
    """Return an engine that reads a log and holds up no writer; raises `LogRefused` for a wrong address.

    A SQLite file that does not exist is not made, and no statement can change one that does.
    """
    url = read_address(text)
    if url.get_backend_name() == "postgresql":
        # Its driver is imported only where there is such a log.
        from service.decision_log.postgres import reading_postgres

        return reading_postgres(url)
    file = Path(url.database or "").absolute()
    if not file.is_file():
        raise LogRefused(
            f"there is no decision log at {shown(url)}; the service makes it when it first starts"
        )
    return _reading_sqlite(url)


def writing_engine(url: URL) -> Engine:
    """Return the writer's engine, on which every commit is durable and no statement waits long."""
    if url.get_backend_name() == "postgresql":
        from service.decision_log.postgres import writing_postgres

        return writing_postgres(url)
    file = Path(url.database or "").absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    # It will hold personal data: for this user's eyes, as SQLite's side files then are too.
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    return _sqlite(url)


def _reading_sqlite(url: URL) -> Engine:
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _sqlite(url: URL) -> Engine:
    # One thread at a time uses it, though not always the same.
    arguments = {"check_same_thread": False, "timeout": PATIENCE}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        # Whoever waits, waits in `run_patiently`.
        connection.execute("PRAGMA busy_timeout = 0")
        run_patiently(connection, "PRAGMA journal_mode = WAL", PATIENCE)
        connection.execute("PRAGMA synchronous = FULL")
        # Answers that are no longer kept must not stay in free pages of the file.
        connection.execute("PRAGMA secure_delete = ON")
        # A reader that took long may have let the side file grow; it need not stay so.
        connection.execute("PRAGMA journal_size_limit = 67108864")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        run_patiently(connection.connection.dbapi_connection, "BEGIN IMMEDIATE", PATIENCE)

    return engine
