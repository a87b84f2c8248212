from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.decision_log import LogRefused, open_log, reading_engine
from service.decision_log.address import read_address, shown, writing_engine
from tests.service.decision_log.logs import an_entry, append, entries_of, writing

SECRET = "hunter2"
WRONG = [
    "",
    "decisions.db",
    f"postgresql://aval:{SECRET}@host:no-port/log",
    f"postgresql://aval:{SECRET}/x@host:{SECRET}",
    f"mysql://aval:{SECRET}@host/log",
    f"postgresql+asyncpg2://aval:{SECRET}@[::1/log",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///log.db?mode=memory",
    f"sqlite://aval:{SECRET}@host/log.db",
    f"sqlite+aiosqlite:///{SECRET}",
]


def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    def opened(file: Path) -> None:
        at_once.wait()
        writing_engine(read_address(f"sqlite:///{file}")).connect().close()

    at_once = Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        for number in range(60):
            list(pool.map(opened, [tmp_path / f"{number}.db"] * 4))


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_address_is_refused_with_the_forms_there_are_and_no_password(
    text: str, tmp_path: Path
) -> None:
    with pytest.raises(LogRefused) as refused:
        open_log(text, spool=tmp_path, when_down="closed", about={})
    assert "write sqlite:////folder/decisions.db or postgresql://user:password@host:5432/database" in str(
        refused.value
    )
    assert SECRET not in str(refused.value)
    assert SECRET not in "".join(traceback.format_exception(refused.value)).replace(repr(text), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"postgresql://aval:{SECRET}@db.bank:5432/log?password={SECRET}", "postgresql://db.bank:5432/log"),
        (f"postgres://aval:{SECRET}@db.bank/log", "postgresql://db.bank/log"),
        ("sqlite:////var/log.db", "sqlite:////var/log.db"),
    ],
)
def test_an_address_is_shown_without_user_and_password(text: str, expected: str) -> None:
    assert shown(read_address(text)) == expected


def test_every_name_of_postgresql_means_its_one_driver() -> None:
    names = ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"]
    assert {read_address(f"{name}://host/log").drivername for name in names} == {"postgresql+psycopg"}


def test_nothing_is_written_before_the_log_is_started(tmp_path: Path) -> None:
    open_log(f"sqlite:///{tmp_path / 'a' / 'log.db'}", spool=tmp_path / "b", when_down="closed", about={})
    assert list(tmp_path.iterdir()) == []


def test_what_reads_a_log_sees_it_while_it_is_written_and_changes_nothing(url: str) -> None:
    with writing(url) as log:
        append(log, an_entry())
        engine = reading_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM entries")) == 1
            append(log, an_entry())
            with pytest.raises(DBAPIError, match=r"readonly database|read-only transaction"):
                connection.execute(text("DELETE FROM entries"))
        engine.dispose()
    assert len(entries_of(url)) == 2


def test_reading_a_log_that_does_not_exist_is_refused_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(
        LogRefused, match=r"there is no decision log at sqlite:.*; the service makes it when it first"
    ):
        reading_engine(f"sqlite:///{tmp_path / 'log.db'}")
    assert list(tmp_path.iterdir()) == []


def test_commits_are_durable_whatever_the_server_would_do_by_itself(url: str) -> None:
    with writing_engine(read_address(url)).begin() as connection:
        if connection.dialect.name == "sqlite":
            pragmas = ("journal_mode", "synchronous")
            found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
            assert found == ["wal", 2]
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "2s"
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
