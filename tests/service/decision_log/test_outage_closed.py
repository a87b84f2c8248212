from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from service.decision_log import DecisionLog, LogDown, Resolution, open_log
from tests.postgres import Postgres
from tests.service.decision_log.logs import (
    an_entry,
    append,
    broken_links,
    ids_of,
    try_each,
    wait_until,
    writing,
)
from tests.service.decision_log.wire import Cut, Wire, wire_to


class Wired(NamedTuple):
    """A log that writes to PostgreSQL over a line that can be cut; `url` goes round the line."""

    log: DecisionLog
    wire: Wire
    url: str


@pytest.fixture
def wired(postgres: Postgres) -> Iterator[Wired]:
    url = postgres.new_url()
    with wire_to(postgres.port) as wire, writing(url.replace(str(postgres.port), str(wire.port))) as log:
        append(log, an_entry(about="first"))
        yield Wired(log, wire, url)


def refusal(log: DecisionLog, about: str) -> str:
    """Append an entry that is refused; returns what is said."""
    with pytest.raises(LogDown) as refused:
        append(log, an_entry(about=about))
    return str(refused.value)


def test_entries_are_refused_at_once_while_postgresql_is_stopped_and_kept_when_it_is_back(
    postgres: Postgres,
) -> None:
    url = postgres.new_url()
    with writing(url) as log:
        append(log, an_entry(about="before"))
        postgres.stop()
        try:
            began = time.monotonic()
            assert "cannot be written" in refusal(log, "meanwhile")
            assert time.monotonic() - began < 1.0
            assert not log.is_up
            began = time.monotonic()
            refusal(log, "meanwhile")
            assert time.monotonic() - began < 0.1
        finally:
            postgres.start()
        wait_until(lambda: log.is_up)
        append(log, an_entry(about="after"))
        assert log.trouble is None
    assert ids_of(url) == ["after", "before"]
    assert broken_links(url) == []


def test_postgresql_stopped_and_started_under_load_loses_nothing_and_keeps_nothing_that_was_refused(
    postgres: Postgres,
) -> None:
    async def load() -> list[tuple[list[str], list[str]]]:
        appenders = [try_each(log, [an_entry() for _ in range(250)], 0.005) for _ in range(8)]
        running = asyncio.gather(*appenders)
        for how in (signal.SIGINT, signal.SIGQUIT):
            await asyncio.sleep(0.4)
            await asyncio.to_thread(postgres.stop, how)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(postgres.start)
        return await running

    url = postgres.new_url()
    with writing(url) as log:
        told = asyncio.run(load())
        wait_until(lambda: log.is_up)
        append(log, an_entry(about="last"))
    kept = [about for each, _ in told for about in each]
    refused = [about for _, each in told for about in each]
    there = ids_of(url)
    assert kept
    assert refused
    assert set(kept) <= set(there)
    assert len(there) == len(set(there)), "an entry is there twice"
    # A COMMIT whose answer was lost may have been done; a stopping server finishes or breaks off at most one.
    assert len(set(there) & set(refused)) <= 16
    assert broken_links(url) == []


def test_a_connection_that_was_lost_is_made_anew_and_nobody_notices(postgres: Postgres) -> None:
    url = postgres.new_url()
    with writing(url) as log:
        append(log, an_entry(about="before"))
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'aval%'"
        )
        append(log, an_entry(about="after"))
        assert log.is_up
    assert ids_of(url) == ["after", "before"]
    assert broken_links(url) == []


@pytest.mark.parametrize("when", Cut)
def test_a_connection_lost_during_commit_leaves_the_entry_there_once(wired: Wired, when: Cut) -> None:
    wired.wire.cut(when)
    append(wired.log, an_entry(about="in doubt"))
    append(wired.log, an_entry(about="last"))
    assert (wired.wire.cuts, wired.log.is_up) == (1, True)
    assert ids_of(wired.url) == ["first", "in doubt", "last"]
    assert broken_links(wired.url) == []


@pytest.mark.parametrize("when", Cut)
def test_a_resolver_whose_commit_was_lost_has_its_way_once(wired: Wired, when: Cut) -> None:
    wired.wire.cut(when)
    resolved = wired.log.append_resolved(
        ["first"], lambda _: Resolution([an_entry(about="in doubt")], "done")
    )
    assert asyncio.run(resolved) == "done"
    assert ids_of(wired.url) == ["first", "in doubt"]
    assert broken_links(wired.url) == []


def test_an_entry_whose_commit_was_lost_with_the_line_never_appears(wired: Wired) -> None:
    wired.wire.cut(Cut.COMMIT, stays_down=True)
    refusal(wired.log, "refused")
    wired.wire.down = False
    wait_until(lambda: wired.log.is_up)
    append(wired.log, an_entry(about="last"))
    assert ids_of(wired.url) == ["first", "last"]
    assert broken_links(wired.url) == []


@pytest.mark.parametrize("when", [Cut.ANSWER, Cut.LATE])
def test_a_chain_goes_on_behind_a_commit_that_was_done_unknown_to_the_writer(wired: Wired, when: Cut) -> None:
    wired.wire.late = 1.0
    wired.wire.cut(when, stays_down=True)
    refusal(wired.log, "in doubt")
    wired.wire.down = False
    wait_until(lambda: wired.log.is_up)
    append(wired.log, an_entry(about="next"))
    wait_until(lambda: "in doubt" in ids_of(wired.url))
    append(wired.log, an_entry(about="last"))
    assert ids_of(wired.url) == ["first", "in doubt", "last", "next"]
    assert broken_links(wired.url) == []


def test_a_line_that_goes_down_while_idle_is_noticed(wired: Wired) -> None:
    wired.wire.cut_now()
    wait_until(lambda: not wired.log.is_up)
    wired.wire.down = False
    wait_until(lambda: wired.log.is_up)


def test_a_server_that_hangs_holds_up_nobody_for_long(wired: Wired, postgres: Postgres) -> None:
    backends = [
        int(pid) for pid in Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    ]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        refusal(wired.log, "refused")
        assert time.monotonic() - began < 4.0
        assert not wired.log.is_up
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: wired.log.is_up)
    append(wired.log, an_entry(about="last"))
    assert ids_of(wired.url) == ["first", "last"]
    assert broken_links(wired.url) == []


def test_a_sqlite_file_that_is_locked_is_waited_for_a_while_and_then_given_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url) as log, closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        append(log, an_entry(about="before"))
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert "database is locked" in refusal(log, "refused")
        assert 1.5 < time.monotonic() - began < 3.0
        assert not log.is_up
        other.rollback()
        wait_until(lambda: log.is_up)
        append(log, an_entry(about="after"))
    assert ids_of(url) == ["after", "before"]
    assert broken_links(url) == []


def test_a_sqlite_file_that_is_locked_for_a_moment_costs_no_entry(tmp_path: Path) -> None:
    async def behind_a_lock() -> None:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(log.append([an_entry(about="kept")]))
        await asyncio.sleep(0.7)
        other.rollback()
        await waiting

    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url) as log, closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        asyncio.run(behind_a_lock())
        assert log.is_up
    assert ids_of(url) == ["kept"]


def test_a_commit_that_takes_seconds_counts_as_down_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def behind_a_lock() -> str:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(log.append([an_entry(about="kept")]))
        await asyncio.sleep(0.6)
        assert not log.is_up
        try:
            await log.append([an_entry(about="refused")])
        except LogDown as error:
            return str(error)
        finally:
            other.rollback()
            await waiting
        return ""

    monkeypatch.setattr("service.decision_log.writer._STUCK", 0.3)
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url) as log, closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        assert asyncio.run(behind_a_lock()) == "the decision log has not answered for seconds"
        wait_until(lambda: log.is_up)
    assert ids_of(url) == ["kept"]


def test_a_log_that_is_down_can_be_closed_at_once(tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    with writing(f"sqlite:///{tmp_path / 'log.db'}") as log:
        began = time.monotonic()
        assert log.close()
    assert time.monotonic() - began < 1.0
    assert "the decision log is closed" in refusal(log, "late")


def test_an_entry_before_the_log_is_started_is_refused(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}", spool=tmp_path, when_down="closed", about={})
    assert not log.is_up
    assert refusal(log, "early") == "the decision log is not open yet"
