from __future__ import annotations

import asyncio
import hashlib
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.decision_log import Claim, KeyReused, LogDown, LogRefused, Resolution, open_log
from service.decision_log.tables import CLAIMS, RECORDS
from tests.postgres import Postgres
from tests.service.decision_log.logs import (
    an_entry,
    append,
    broken_links,
    entries_of,
    ids_of,
    stored,
    try_each,
    wait_until,
    writing,
)
from tests.service.decision_log.wire import Cut, wire_to


def claim(body: str = "body") -> Claim:
    return Claim(
        "core-banking /predict", hashlib.sha256(b"key").digest(), hashlib.sha256(body.encode()).digest()
    )


def test_entries_are_spooled_while_postgresql_is_stopped_and_in_the_log_when_it_is_back(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_url()
    with writing(url, tmp_path, "open") as log:
        append(log, an_entry(about="1"))
        postgres.stop()
        try:
            for about in ("2", "3", "4"):
                append(log, an_entry(about=about))
            assert (log.spooled, log.waiting, log.is_up) == (3, 0, True)
            assert "cannot be written" in (log.trouble or "")
        finally:
            postgres.start()
        wait_until(lambda: log.spooled == 0 and log.trouble is None)
        append(log, an_entry(about="5"))
    assert [row.about for row in entries_of(url)] == ["1", "2", "3", "4", "5"]
    assert len(stored(url, RECORDS)) == 10
    assert broken_links(url) == []
    assert list(tmp_path.iterdir()) == [], "an empty spool was left"


def test_postgresql_stopped_and_started_under_load_costs_no_caller_an_error(
    postgres: Postgres, tmp_path: Path
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
    with writing(url, tmp_path, "open") as log:
        told = asyncio.run(load())
        wait_until(lambda: log.trouble is None and log.spooled == 0)
    assert [refused for _, refused in told] == [[]] * 8
    assert ids_of(url) == sorted(about for kept, _ in told for about in kept)
    assert broken_links(url) == []


def test_a_log_may_be_opened_while_its_database_is_down(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_url()
    postgres.stop()
    try:
        with writing(url, tmp_path, "open") as log:
            append(log, an_entry(about="1"))
            assert (log.spooled, log.is_up) == (1, True)
    finally:
        postgres.start()
    assert len(list(tmp_path.glob("*.spool"))) == 1, (
        "the spool of a process that ended in an outage must stay"
    )
    with writing(url, tmp_path, "open") as log:
        wait_until(lambda: ids_of(url) == ["1"])
        append(log, an_entry(about="2"))
        wait_until(lambda: len(list(tmp_path.glob("*.spool"))) == 1)
    assert broken_links(url) == []
    assert len({row.writer for row in entries_of(url)}) == 2


def test_a_spool_that_was_left_is_replayed_also_by_a_log_that_spools_nothing(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "spool"
    (tmp_path / "log.db").mkdir()
    with writing(url, folder, "open") as log:
        append(log, an_entry(about="1"))
    (tmp_path / "log.db").rmdir()
    with writing(url, folder, "closed"):
        wait_until(lambda: list(folder.iterdir()) == [])
    assert ids_of(url) == ["1"]
    assert broken_links(url) == []


@pytest.mark.parametrize("when", Cut)
def test_a_commit_whose_answer_was_lost_with_the_line_is_in_the_log_once(
    postgres: Postgres, tmp_path: Path, when: Cut
) -> None:
    url = postgres.new_url()
    with (
        wire_to(postgres.port) as wire,
        writing(url.replace(str(postgres.port), str(wire.port)), tmp_path, "open") as log,
    ):
        append(log, an_entry(about="1"))
        wire.cut(when, stays_down=True)
        append(log, an_entry(about="2"), claim=claim(), answer=b"first")
        append(log, an_entry(about="3"))
        assert log.spooled == 2
        wire.down = False
        wait_until(lambda: log.spooled == 0)
        append(log, an_entry(about="4"))
    assert [row.about for row in entries_of(url)] == ["1", "2", "3", "4"]
    assert len(stored(url, CLAIMS)) == 1
    assert broken_links(url) == []


def test_a_first_answer_that_was_found_stands_though_the_commit_was_lost_with_the_line(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_url()
    with (
        wire_to(postgres.port) as wire,
        writing(url.replace(str(postgres.port), str(wire.port)), tmp_path, "open") as log,
    ):
        append(log, an_entry(about="1"), claim=claim(), answer=b"first")
        wire.cut(Cut.COMMIT, stays_down=True)
        assert append(log, an_entry(about="2"), claim=claim(), answer=b"second") == b"first"
        assert (wire.cuts, log.spooled) == (1, 0)
    assert ids_of(url) == ["1"]


@pytest.fixture
def outage(tmp_path: Path) -> Path:
    """A folder in the place of the database file, so that the log is down until `ends` is called."""
    (tmp_path / "log.db").mkdir()
    return tmp_path


def test_while_spooling_a_key_gives_its_first_answer_and_is_known_afterwards(outage: Path) -> None:
    url = f"sqlite:///{outage / 'log.db'}"
    with writing(url, outage / "spool", "open") as log:
        assert append(log, an_entry(about="1"), claim=claim(), answer=b"first") is None
        assert append(log, an_entry(about="2"), claim=claim(), answer=b"second") == b"first"
        with pytest.raises(KeyReused):
            append(log, an_entry(about="3"), claim=claim("other"), answer=b"third")
        (outage / "log.db").rmdir()
        wait_until(lambda: log.trouble is None and log.spooled == 0)
        assert append(log, an_entry(about="4"), claim=claim(), answer=b"fourth") == b"first"
    assert ids_of(url) == ["1"]


def test_while_spooling_no_more_answers_are_remembered_than_there_is_room_for(
    outage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decision_log.fallback._MOST_HELD", 2_000)
    url, words = f"sqlite:///{outage / 'log.db'}", "as many idempotency keys as may be are remembered"
    scope, body = "core-banking /predict", hashlib.sha256(b"body").digest()
    first, second = (Claim(scope, hashlib.sha256(key).digest(), body) for key in (b"1", b"2"))
    with writing(url, outage / "spool", "open") as log:
        append(log, an_entry(about="1"), claim=first, answer=b"a" * 1_000)
        with pytest.raises(LogDown, match=words):
            append(log, an_entry(about="2"), claim=second, answer=b"b" * 1_000)
        assert append(log, an_entry(about="3"), claim=first, answer=b"") == b"a" * 1_000
        append(log, an_entry(about="4"))
        (outage / "log.db").rmdir()
        wait_until(lambda: log.trouble is None and log.spooled == 0)
        with closing(sqlite3.connect(outage / "log.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert append(log, an_entry(about="5"), claim=second, answer=b"b" * 1_000) is None
            assert log.spooled == 1, "this was to be another outage"
    assert ids_of(url)[:2] == ["1", "4"]


def test_while_spooling_resolvers_are_refused(outage: Path) -> None:
    url = f"sqlite:///{outage / 'log.db'}"
    words = "this needs what it holds; try again later"
    with writing(url, outage / "spool", "open") as log, pytest.raises(LogDown, match=words):
        asyncio.run(log.append_resolved(["1"], lambda _: Resolution([])))


def test_what_is_submitted_while_a_long_spool_is_replayed_comes_behind_it(outage: Path) -> None:
    async def spool(count: int) -> None:
        for _ in range(count // 100):
            await log.append([an_entry() for _ in range(100)])

    async def go_on() -> None:
        while log.trouble is not None or log.spooled:
            await log.append([an_entry()])
            if log.trouble is None:
                with closing(sqlite3.connect(outage / "log.db")) as reader:
                    count, last = reader.execute("SELECT count(*), max(seq) FROM entries").fetchone()
                assert count == (last or 0), "an entry came before one that still waited"

    url = f"sqlite:///{outage / 'log.db'}"
    with writing(url, outage / "spool", "open") as log:
        asyncio.run(spool(3000))
        (outage / "log.db").rmdir()
        asyncio.run(asyncio.wait_for(go_on(), 20))
        append(log, an_entry(about="last"))
        written = log.head.seq
    rows = entries_of(url)
    assert len(rows) == written > 3000
    assert rows[-1].about == "last"
    assert broken_links(url) == []


def test_a_spool_that_fails_too_refuses_and_is_used_again_once_it_works(
    outage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    url = f"sqlite:///{outage / 'log.db'}"
    with writing(url, outage / "spool", "open") as log:
        append(log, an_entry(about="1"))
        monkeypatch.setattr("service.decision_log.spool.os.pwrite", full)
        with pytest.raises(LogDown, match=r"nothing can be kept in .* No space left on device"):
            append(log, an_entry(about="2"), claim=claim(), answer=b"lost")
        assert not log.is_up
        monkeypatch.undo()
        wait_until(lambda: log.is_up)
        assert append(log, an_entry(about="3"), claim=claim(), answer=b"kept") is None
        (outage / "log.db").rmdir()
        wait_until(lambda: log.trouble is None and log.spooled == 0)
    assert ids_of(url) == ["1", "3"]
    assert broken_links(url) == []


def test_a_locked_sqlite_file_is_spooled_around(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with (
        writing(url, tmp_path / "spool", "open") as log,
        closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other,
    ):
        append(log, an_entry(about="1"))
        other.execute("BEGIN IMMEDIATE")
        append(log, an_entry(about="2"))
        assert (log.spooled, log.is_up) == (1, True)
        other.rollback()
        wait_until(lambda: log.spooled == 0)
    assert [row.about for row in entries_of(url)] == ["1", "2"]
    assert broken_links(url) == []


def test_a_folder_that_cannot_hold_a_spool_is_refused_when_the_log_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with pytest.raises(
        LogRefused, match=r"no decisions can be kept in .*/file/spool.*set AVAL_SPOOL to a folder"
    ):
        open_log(url, spool=tmp_path / "file" / "spool", when_down="open", about={})
