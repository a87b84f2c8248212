from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from service.decision_log import LogRefused, migrations
from service.decision_log.address import read_address, writing_engine
from service.decision_log.migrations import MIGRATIONS, migrate, schema_version
from service.decision_log.tables import METADATA, SCHEMA_VERSION
from tests.service.decision_log.logs import an_entry, append, broken_links, entries_of, stored, writing


def migrated(url: str) -> int:
    """Migrate as a writer does; returns the version."""
    engine = writing_engine(read_address(url))
    with engine.begin() as connection:
        migrate(connection)
        return schema_version(connection)


def test_an_empty_database_gets_the_tables_that_the_code_knows(url: str) -> None:
    assert migrated(url) == len(MIGRATIONS)
    found = inspect(writing_engine(read_address(url)))
    assert set(found.get_table_names()) == set(METADATA.tables)
    for name, table in METADATA.tables.items():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        assert list(columns) == [column.name for column in table.columns], name
        assert columns == {column.name: column.nullable for column in table.columns}, name
        assert found.get_pk_constraint(name)["constrained_columns"] == [key.name for key in table.primary_key]
        indexes = {index["name"]: index["column_names"] for index in found.get_indexes(name)}
        assert indexes == {index.name: [key.name for key in index.columns] for index in table.indexes}, name


def test_migrating_again_changes_nothing(url: str) -> None:
    migrated(url)
    before = stored(url, SCHEMA_VERSION)
    assert migrated(url) == len(MIGRATIONS)
    assert stored(url, SCHEMA_VERSION) == before


def test_many_that_open_an_empty_log_at_once_make_its_tables_once(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(migrated, [url] * 8)) == [len(MIGRATIONS)] * 8
    assert len(stored(url, SCHEMA_VERSION)) == len(MIGRATIONS)


def test_a_later_step_is_applied_to_a_log_that_is_in_use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(url) as earlier:
        append(earlier, an_entry())
        later = (*MIGRATIONS, ("CREATE TABLE notes (id TEXT NOT NULL, body {bytes}, value {double})",))
        monkeypatch.setattr(migrations, "MIGRATIONS", later)
        with writing(url) as log:
            append(log, an_entry())
        append(earlier, an_entry())
    assert [row.version for row in stored(url, SCHEMA_VERSION)] == [1, 2]
    assert inspect(writing_engine(read_address(url))).has_table("notes")
    assert (len(entries_of(url)), broken_links(url)) == (3, [])


def test_a_step_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated(url)
    bad = (*MIGRATIONS, ("CREATE TABLE notes (id TEXT)", "CREATE NONSENSE"))
    monkeypatch.setattr(migrations, "MIGRATIONS", bad)
    with pytest.raises(DBAPIError):
        migrated(url)
    assert [row.version for row in stored(url, SCHEMA_VERSION)] == [1]
    assert not inspect(writing_engine(read_address(url))).has_table("notes")


def test_refuses_the_schema_of_a_later_version(url: str) -> None:
    migrated(url)
    with writing_engine(read_address(url)).begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99, 0)"))
    words = "the decision log has schema 99, and this version of aval knows schemas up to 1; use the version"
    with pytest.raises(LogRefused, match=words):
        migrated(url)
    with writing(url) as log:
        assert (log.is_up, log.trouble is not None and words in log.trouble) == (False, True)
        assert asyncio.run(_refused(log)) == log.trouble


async def _refused(log: object) -> str:
    from service.decision_log import DecisionLog, LogDown

    assert isinstance(log, DecisionLog)
    with pytest.raises(LogDown) as refused:
        await log.append([an_entry()])
    return str(refused.value)
