"""SQLite's locks, waited for."""

from __future__ import annotations

import sqlite3
import time
from typing import Any


def run_patiently(connection: Any, statement: str, patience: float) -> None:
    """Run a statement that needs a lock, for at most `patience` seconds beyond the connection's own busy timeout.

    SQLite's own waiting sleeps up to 100 ms at a time, and a write lock is held for one. Of several connections that
    change the journal of a new file at once, it refuses all but one without waiting at all.
    """
    deadline, pause = time.monotonic() + patience, 0.0002
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            # The lower byte is the kind of error, whatever it was that was busy.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(pause * 1.5, 0.002)
