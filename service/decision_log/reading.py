"""Reads the decision log, and never writes it: entries with what is left of their records, in streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import eq, ge, lt
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service.decision_log.address import read_address, reading_engine, shown
from service.decision_log.chain import Row
from service.decision_log.entries import Kind, Part
from service.decision_log.errors import LogRefused
from service.decision_log.migrations import MIGRATIONS, schema_version
from service.decision_log.streams import stream
from service.decision_log.tables import ENTRIES, RECORDS

# What an id may name, the first of them that there is.
_ANSWERED = (Kind.DECISION, Kind.EXPLANATION, Kind.REFUSAL, Kind.SEGMENT)


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry and the parts of its record: None for one that it never had, or that was erased since."""

    row: Row
    inputs: Mapping[str, Any] | None
    personal: Mapping[str, Any] | None

    @property
    def details(self) -> Any:
        """The entry's details, as JSON data."""
        return parsed_details(self.row.details)

    @property
    def erased(self) -> tuple[Part, ...]:
        """The parts that the entry was logged with and that are no longer there."""
        lost = {
            Part.INPUTS: self.row.inputs_digest is not None and self.inputs is None,
            Part.PERSONAL: self.row.personal_digest is not None and self.personal is None,
        }
        return tuple(part for part, gone in lost.items() if gone)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries to read; what is left open selects all.

    since and until: microseconds since 1970, UTC, the second exclusive.
    """

    kinds: tuple[Kind, ...] = ()
    use_case: str | None = None
    since: int | None = None
    until: int | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A decision and all that was said of it later, each in the order in which it was said."""

    decision: Logged
    outcomes: tuple[Logged, ...]
    reviews: tuple[Logged, ...]
    others: tuple[Logged, ...]


@contextmanager
def reading(address: str) -> Iterator[Connection]:
    """Open a log as it is at this moment; what is written meanwhile is not seen, and no writer waits.

    Raises `LogRefused` for a log that is not there, cannot be read, or has a schema that this version does not know.
    """
    try:
        with reading_engine(address).connect() as plain:
            connection = _snapshot(plain)
            with connection.begin():
                _expect_schema(connection, address)
                yield connection
    except SQLAlchemyError as error:
        raise LogRefused(f"the decision log at {_shown(address)} cannot be read: {words_of(error)}") from None


def entries(connection: Connection, selection: Selection) -> Iterator[Logged]:
    """Yield entries in the order of time, a few in memory at once."""
    yield from _stream(connection, _query(selection))


def find(connection: Connection, about: str) -> Found | None:
    """Return a decision with its outcomes, reviews and whatever else is about it; None for an unknown id."""
    said = list(entries(connection, Selection(about=about)))
    for kind in _ANSWERED:
        if answered := [item for item in said if item.row.kind == kind]:
            return found_about(answered[0], said)
    return None


def found_about(decision: Logged, said: Iterable[Logged]) -> Found:
    """Return a decision with what was said about it, among which it may stand itself."""
    by_kind = {kind: [item for item in said if item.row.kind == kind] for kind in (Kind.OUTCOME, Kind.REVIEW)}
    return Found(
        decision,
        _in_order(by_kind[Kind.OUTCOME], "correction"),
        _in_order(by_kind[Kind.REVIEW], "review"),
        tuple(item for item in said if item.row.kind not in by_kind and item is not decision),
    )


def words_of(error: Exception) -> str:
    """Return what a database or a file system complains of, in one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def parsed_details(details: str) -> Any:
    """Return an entry's details as JSON data."""
    return json.loads(details)


def _query(selection: Selection) -> Select[Any]:
    inputs, personal = (RECORDS.alias(str(part)) for part in Part)
    query = select(*ENTRIES.c, inputs.c.body.label("inputs"), personal.c.body.label("personal"))
    joined: Any = ENTRIES
    for part, records in zip(Part, (inputs, personal), strict=True):
        same = and_(records.c.writer == ENTRIES.c.writer, records.c.seq == ENTRIES.c.seq)
        joined = joined.outerjoin(records, and_(same, records.c.part == str(part)))
    limits: tuple[tuple[ColumnElement[Any], Callable[[Any, Any], Any], Any], ...] = (
        (ENTRIES.c.use_case, eq, selection.use_case),
        (ENTRIES.c.at, ge, selection.since),
        (ENTRIES.c.at, lt, selection.until),
        (ENTRIES.c.about, eq, selection.about),
    )
    query = query.where(*(compare(column, value) for column, compare, value in limits if value is not None))
    if selection.kinds:
        query = query.where(ENTRIES.c.kind.in_([str(kind) for kind in selection.kinds]))
    return query.select_from(joined).order_by(ENTRIES.c.at, ENTRIES.c.writer, ENTRIES.c.seq)


def _in_order(said: Iterable[Logged], number: str) -> tuple[Logged, ...]:
    return tuple(sorted(said, key=lambda item: int(item.details[number])))


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Logged]:
    for row in stream(connection, query):
        *columns, inputs, personal = row
        yield Logged(Row(*columns), _parsed(inputs), _parsed(personal))


def _parsed(body: str | None) -> Any:
    return None if body is None else json.loads(body)


def _snapshot(connection: Connection) -> Connection:
    if connection.dialect.name == "postgresql":
        return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return connection


def _expect_schema(connection: Connection, address: str) -> None:
    found = schema_version(connection)
    if found != len(MIGRATIONS):
        state = f"has schema {found}" if found else "is empty"
        raise LogRefused(
            f"the decision log at {_shown(address)} {state}, and this version of aval reads schema "
            f"{len(MIGRATIONS)}; start the service of this version once, which brings an older one up to date"
        )


def _shown(address: str) -> str:
    return shown(read_address(address))
