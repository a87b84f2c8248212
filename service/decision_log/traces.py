"""What deletion leaves behind in a database's files, wiped."""

from __future__ import annotations

import time
from typing import Any

from psycopg.errors import Diagnostic
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.decision_log.address import reading_engine
from service.decision_log.scribe import Scribe

# Readers and writers hold a checkpoint up, each for a moment; a long read for as long as it takes.
PATIENCE = 5.0


def wipe(scribe: Scribe, address: str) -> bool:
    """Have deleted rows leave the database's files; returns whether it could be done now.

    SQLite: overwritten in the file already, they go from its write-ahead log too. PostgreSQL: a vacuum takes them from
    tables and indexes, but for rows that a transaction older than the deletion may still read; their place is free, and
    overwritten when it is used again. Its archives, and backups of either, are for those who keep them.
    """
    return _checkpoint(scribe) if scribe.dialect == "sqlite" else _vacuum(address)


def _checkpoint(scribe: Scribe) -> bool:
    deadline = time.monotonic() + PATIENCE
    while True:
        (busy, *_) = scribe.driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy or time.monotonic() > deadline:
            return not busy
        time.sleep(0.05)


def _vacuum(address: str) -> bool:
    warnings: list[Diagnostic] = []
    try:
        with reading_engine(address).connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = connection.connection.driver_connection
            # Whoever may not vacuum a table, which is its owner's, is only warned that it was skipped.
            driver.add_notice_handler(warnings.append)
            connection.execute(text("SET client_min_messages TO warning"))
            for table in ("records", "claims"):
                # The index of subjects too, which is otherwise left as it is where few rows went.
                connection.execute(text(f"VACUUM (INDEX_CLEANUP ON) {table}"))
    except SQLAlchemyError:
        return False
    # The server's own vacuum comes by.
    return not warnings
