"""What is said about monitoring: looks, incidents and steps of retrainings, only ever added to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from service.decision_log.entries import canonical
from service.monitoring.database import Database, insertion, open_database
from service.monitoring.tables import EVENTS


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was said.

    kind: "report" (a look by `aval drift`), "incident" or "retraining". key: unique among the use case's events of its
    kind. at: microseconds since 1970, UTC. body: JSON data.
    """

    use_case: str
    kind: str
    key: str
    at: int
    body: Mapping[str, Any]


class EventStore:
    """The events in a database of monitoring; threads and processes may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, event: Event) -> bool:
        """Keep an event durably, and return whether it is new: of two with the same key the first one stays.

        Raises `ValueError` for a body that is not JSON, such as one with NaN, and `MonitoringDown`.
        """
        values = {
            "use_case": event.use_case,
            "kind": event.kind,
            "key": event.key,
            "at": event.at,
            "body": canonical(event.body),
        }
        with self._database.writing() as connection:
            statement = insertion(connection, EVENTS).values(values).on_conflict_do_nothing()
            return connection.execute(statement.returning(EVENTS.c.number)).first() is not None

    def events(self, use_case: str, kinds: Sequence[str] = (), since: int = 0) -> list[Event]:
        """Return events in the order of `at`, those of one moment in the order in which they were added.

        kinds: none means all. since: microseconds since 1970, UTC. Raises `MonitoringDown`.
        """
        query = _events(use_case).where(EVENTS.c.at >= since)
        if kinds:
            query = query.where(EVENTS.c.kind.in_(list(kinds)))
        return self._read(query.order_by(EVENTS.c.at, EVENTS.c.number))

    def latest(self, use_case: str, kind: str) -> Event | None:
        """Return the last event of a kind, None where there is none; raises `MonitoringDown`."""
        query = _events(use_case).where(EVENTS.c.kind == kind)
        found = self._read(query.order_by(EVENTS.c.at.desc(), EVENTS.c.number.desc()).limit(1))
        return found[0] if found else None

    def _read(self, query: Select[Any]) -> list[Event]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Event(row.use_case, row.kind, row.key, row.at, json.loads(row.body)) for row in rows]


@contextmanager
def event_store(address: str) -> Iterator[EventStore]:
    """Open the events at a SQLAlchemy URL (`Settings.monitoring`), whose tables are made where they are missing.

    Raises `WrongUse` for a wrong address, and `MonitoringDown`.
    """
    database = open_database(address)
    try:
        yield EventStore(database)
    finally:
        database.engine.dispose()


def _events(use_case: str) -> Select[Any]:
    columns = (EVENTS.c[name] for name in ("use_case", "kind", "key", "at", "body"))
    return select(*columns).where(EVENTS.c.use_case == use_case)
