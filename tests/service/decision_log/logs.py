"""Entries to log, logs to put them in, and what is there afterwards."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Table, create_engine, select

from service.decision_log import Break, DecisionLog, Entry, Head, Kind, LogDown, Record, Row, breaks, open_log
from service.decision_log.address import read_address
from service.decision_log.tables import ENTRIES, WRITERS

INPUTS = {"income": 52_000.5, "purpose": "car", "employed_for": None}
PERSONAL = {"customer": "c-17", "age": 33}


def an_entry(about: str | None = None, **more: Any) -> Entry:
    """An entry with a record and reasons, about a new decision."""
    given: dict[str, Any] = {
        "probability": 0.1234567890123456789,
        "decision": "refer",
        "model": "loan_approval:0123456789abcdef",
        "policy": "default-01234567",
        "contract": "89abcdef",
        "request_id": uuid.uuid4().hex,
        "key_id": "core-banking",
        "details": {"reasons": [{"code": "INCOME", "feature": "income", "text": "ingresos · garantía"}]},
        "record": Record(INPUTS, PERSONAL, {"customer": "c-17"}),
        **more,
    }
    now = time.time_ns() // 1000
    return Entry(Kind.DECISION, now, "loan_approval", about or uuid.uuid4().hex, **given)


@contextmanager
def writing(
    url: str, spool: Path | None = None, when_down: Literal["closed", "open"] = "closed", **more: Any
) -> Iterator[DecisionLog]:
    """A started log, closed in the end."""
    folder = spool or Path("no-such-folder")
    log = open_log(url, spool=folder, when_down=when_down, about={"code": "tests"}, **more)
    log.start()
    try:
        yield log
    finally:
        assert log.close(), "the writer did not stop"


def append(log: DecisionLog, *entries: Entry, **more: Any) -> bytes | None:
    """Append from a test that has no event loop."""
    return asyncio.run(log.append(entries, **more))


async def try_each(
    log: DecisionLog, entries: Sequence[Entry], seconds: float = 0.0
) -> tuple[list[str], list[str]]:
    """Append entries one after the other; returns the ids that were kept and those that were refused."""
    kept, refused = [], []
    for entry in entries:
        try:
            await log.append([entry])
        except LogDown:
            refused.append(entry.about)
        else:
            kept.append(entry.about)
        await asyncio.sleep(seconds)
    return kept, refused


def stored(url: str, table: Table = ENTRIES) -> list[Any]:
    """All rows of a table, in the order of its key."""
    engine = create_engine(read_address(url))
    try:
        with engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)))
    finally:
        engine.dispose()


def entries_of(url: str) -> list[Row]:
    """All entries, by writer and number."""
    return [Row._make(row) for row in stored(url)]


def ids_of(url: str) -> list[str]:
    """What all entries are about, sorted."""
    return sorted(row.about for row in entries_of(url))


def broken_links(url: str) -> list[Break]:
    """Where the chains of all writers do not hold."""
    rows = entries_of(url)
    writers = {row.writer for row in rows}
    assert writers <= {row.id for row in stored(url, WRITERS)}, "an entry's writer is not known"
    chains = [[row for row in rows if row.writer == writer] for writer in sorted(writers)]
    return [fault for chain in chains for fault in breaks(chain, Head(chain[0].writer))]


def wait_until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for what other threads bring about."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"did not come about within {seconds} s"
        time.sleep(0.02)
