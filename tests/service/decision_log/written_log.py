"""Logs for tests: decisions of a small use case, written as commands write, and ways to alter what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from service.decision_log import Entry, Kind, Record, Resolution
from service.decision_log.address import read_address
from service.decision_log.anchors import Anchor, heads
from service.decision_log.orders import Resolve
from service.decision_log.reading import reading
from service.decision_log.scribe import writing
from service.decision_log.tables import METADATA
from service.decision_log.verify import Verification, verify
from service.scoring.contract import Column, ColumnType, Contract, Outcome, Role

MINUTE = 60_000_000
# 2026-11-20T08:00:00Z
BEGIN = 1_795_161_600_000_000
CONTRACT = Contract(
    use_case="small_loans",
    title="Small loans",
    columns=(
        Column(name="customer", type=ColumnType.ID, role=Role.ID),
        Column(name="case", type=ColumnType.ID, role=Role.ID),
        Column(name="income", type=ColumnType.NUMBER, minimum=0),
    ),
    outcome=Outcome(name="late", bad=(1,), good=(0,)),
)


def decision(number: int, *, at: int | None = None, verdict: str = "refer", **more: Any) -> Entry:
    """A decision with the id `d<number>` on customer `c<number>`, made that many minutes after the beginning."""
    given: dict[str, Any] = {
        "kind": Kind.DECISION,
        "at": BEGIN + number * MINUTE if at is None else at,
        "use_case": "small_loans",
        "about": f"d{number}",
        "probability": 1 / (number + 3),
        "decision": verdict,
        "model": "small_loans:0123456789abcdef",
        "policy": "least-cost-01234567",
        "contract": CONTRACT.version,
        "request_id": f"request-{number}",
        "key_id": "core",
        "details": {"reasons": [["INCOME", "income"]]},
        "record": record({"income": 1000.5 + number}, {"customer": f"c{number}", "case": number}),
    }
    return Entry(**(given | more))


def record(inputs: dict[str, Any], ids: dict[str, Any]) -> Record:
    """A record whose personal part is its ids and a birthday."""
    return Record(inputs, {**ids, "birthday": "1970-01-01"}, ids)


def write(url: str, entries: Iterable[Entry], at_once: int = 3) -> str:
    """Write entries as one writer, so many to a transaction; returns the writer."""
    every = list(entries)
    with writing(url, "tests", BEGIN) as scribe:
        for start in range(0, len(every), at_once):
            scribe.write(appending(every[start : start + at_once]))
        return scribe.head.writer


def appending(entries: Sequence[Entry]) -> Resolve:
    """Return what appends entries, whatever the log holds."""
    return lambda _: Resolution(entries)


def alter(url: str, table: str, columns: Mapping[str, str], where: str = "1 = 1", **values: Any) -> int:
    """Change a table behind the log's back, columns to SQL expressions; returns how many rows that touched."""
    changed = METADATA.tables[table].update().values({name: text(sql) for name, sql in columns.items()})
    return _run(url, changed.where(text(where).bindparams(**values)))


def remove(url: str, table: str, where: str, **values: Any) -> int:
    """Delete rows of a table behind the log's back; returns how many."""
    return _run(url, METADATA.tables[table].delete().where(text(where).bindparams(**values)))


def _run(url: str, statement: Any) -> int:
    with create_engine(read_address(url), poolclass=NullPool).begin() as connection:
        return connection.execute(statement).rowcount


def verified(url: str, anchors: Iterable[Anchor] = ()) -> Verification:
    """Verify a log."""
    with reading(url) as connection:
        return verify(connection, anchors)


def anchored(url: str) -> list[Anchor]:
    """Return anchors of all heads."""
    with reading(url) as connection:
        return [Anchor(head, "2026-11-20T09:00:00Z") for head in heads(connection)]
