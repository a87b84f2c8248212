"""The log's schema and how it came to be: numbered steps, each applied once, all that are missing in one transaction.

A step that was released never changes. One that is added goes to the end of `MIGRATIONS`, in both dialects.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, func, insert, inspect, select

from service.decision_log.errors import LogRefused
from service.decision_log.tables import SCHEMA_VERSION

# PostgreSQL's key of the lock that whoever migrates holds; any number that nothing else uses.
MIGRATION_LOCK = 0x4176616C00000001

_VERSION_TABLE = """CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)"""

_FIRST = (
    """CREATE TABLE writers (
        id TEXT NOT NULL PRIMARY KEY, started_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, about TEXT NOT NULL)""",
    """CREATE TABLE entries (
        writer TEXT NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, use_case TEXT NOT NULL,
        about TEXT NOT NULL, probability {double}, decision TEXT, model TEXT NOT NULL, policy TEXT NOT NULL,
        contract TEXT NOT NULL, request_id TEXT NOT NULL, key_id TEXT NOT NULL, details TEXT NOT NULL,
        inputs_digest {bytes}, personal_digest {bytes}, hash {bytes} NOT NULL, PRIMARY KEY (writer, seq))""",
    "CREATE INDEX entries_by_about ON entries (about)",
    "CREATE INDEX entries_by_time ON entries (use_case, kind, at)",
    """CREATE TABLE records (
        writer TEXT NOT NULL, seq BIGINT NOT NULL, part TEXT NOT NULL, salt {bytes} NOT NULL, body TEXT NOT NULL,
        subject TEXT, PRIMARY KEY (writer, seq, part))""",
    # By hash: a subject may be longer than a row of PostgreSQL's usual index can be.
    "CREATE INDEX records_by_subject ON records {by_hash}(subject) WHERE subject IS NOT NULL",
    """CREATE TABLE claims (
        scope TEXT NOT NULL, key {bytes} NOT NULL, body {bytes} NOT NULL, answer {bytes} NOT NULL,
        at BIGINT NOT NULL, PRIMARY KEY (scope, key))""",
    "CREATE INDEX claims_by_time ON claims (at)",
)

# The statements of version 1, 2, ... in this order.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)

_TYPES = {
    "sqlite": {"double": "REAL", "bytes": "BLOB", "by_hash": ""},
    "postgresql": {"double": "DOUBLE PRECISION", "bytes": "BYTEA", "by_hash": "USING hash "},
}


def schema_version(connection: Connection) -> int:
    """Return the number of the last step that was applied, 0 for an empty database."""
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        return 0
    return connection.scalar(select(func.max(SCHEMA_VERSION.c.version))) or 0


def migrate(connection: Connection) -> None:
    """Bring the schema up to date, in the transaction that `connection` is in; the caller commits it.

    Whoever else migrates at the same time waits: in SQLite the transaction must have begun with BEGIN IMMEDIATE,
    in PostgreSQL a lock is taken here. Raises `LogRefused` for a schema of a later version.
    """
    if schema_version(connection) == len(MIGRATIONS):
        return
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    connection.exec_driver_sql(_VERSION_TABLE)
    found = schema_version(connection)
    if found > len(MIGRATIONS):
        raise LogRefused(
            f"the decision log has schema {found}, and this version of aval knows schemas up to "
            f"{len(MIGRATIONS)}; use the version that wrote it, or a later one"
        )
    for version in range(found + 1, len(MIGRATIONS) + 1):
        for statement in MIGRATIONS[version - 1]:
            connection.exec_driver_sql(statement.format(**_TYPES[connection.dialect.name]))
        connection.execute(insert(SCHEMA_VERSION), {"version": version, "applied_at": time.time_ns() // 1000})
