from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from service.decision_log import DecisionLog, LogDown
from tests.postgres import PASSWORD, Postgres
from tests.service.decision_log.logs import an_entry, append, broken_links, ids_of, wait_until, writing


def trouble_of(log: DecisionLog) -> str:
    """What is wrong with a log that is down: entries are refused with the same words."""
    assert not log.is_up
    with pytest.raises(LogDown) as refused:
        append(log, an_entry())
    assert str(refused.value) == log.trouble
    return str(refused.value)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let this process write no file longer than so many bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a' / 'b' / 'log.db'}"
    with writing(url) as log:
        append(log, an_entry())
    assert len(ids_of(url)) == 1


def test_only_its_user_may_read_the_file_and_what_stands_beside_it(tmp_path: Path) -> None:
    with writing(f"sqlite:///{tmp_path / 'log.db'}") as log:
        append(log, an_entry())
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with writing(f"sqlite:///{tmp_path / 'file' / 'x' / 'log.db'}") as log:
        words = trouble_of(log)
    assert f"the decision log at sqlite:///{tmp_path}/file/x/log.db cannot be written" in words
    assert "Not a directory" in words
    assert "see that it is there, that this user may write it, and that its disk has room" in words


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_text("not a database, but long enough to be looked at as one" * 100)
    with writing(f"sqlite:///{tmp_path / 'log.db'}") as log:
        assert "file is not a database" in trouble_of(log)
    assert (tmp_path / "log.db").read_text().startswith("not a database")


def test_a_database_of_something_else_is_not_touched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as other:
        other.execute("CREATE TABLE entries (id INTEGER)")
    with writing(f"sqlite:///{tmp_path / 'log.db'}") as log:
        assert "table entries already exists" in trouble_of(log)
    with closing(sqlite3.connect(tmp_path / "log.db")) as other:
        assert [name for (name,) in other.execute("SELECT name FROM sqlite_master")] == ["entries"]


def test_a_wrong_password_is_said_and_not_shown(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    url = postgres.new_url().replace(PASSWORD.replace(" ", "%20"), "a-secret-of-mine")
    with writing(url) as log:
        words = trouble_of(log)
        wait_until(lambda: not log.is_up)
    assert 'password authentication failed for user "aval"' in words
    assert "a-secret-of-mine" not in words + caplog.text
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1, (
        "said at every attempt"
    )


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with writing(f"postgresql://aval:secret@127.0.0.1:9/log?host={tmp_path}") as log:
        assert "cannot be written" in trouble_of(log)
        assert "secret" not in trouble_of(log)


def test_a_full_disk_is_said_and_the_log_goes_on_once_there_is_room(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    kept: list[str] = []
    refused: list[str] = []
    with writing(url) as log:
        append(log, an_entry(about="first"))
        with files_of_at_most(256 * 1024):
            while not refused:
                entry = an_entry(details={"padding": "x" * 20_000})
                try:
                    append(log, entry)
                    kept.append(entry.about)
                except LogDown:
                    refused.append(entry.about)
            wait_until(lambda: not log.is_up)
            assert any(words in (log.trouble or "") for words in ("disk I/O error", "disk is full")), (
                log.trouble
            )
        wait_until(lambda: log.is_up)
        append(log, an_entry(about="last"))
    assert ids_of(url) == sorted(["first", *kept, "last"])
    assert broken_links(url) == []


def test_a_file_that_is_deleted_under_a_running_log_is_noticed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url) as log:
        append(log, an_entry(about="1"), an_entry(about="2"))
        for path in tmp_path.iterdir():
            path.unlink()
        append_until_kept(log, "3")
        assert log.head.seq == 3
    assert ids_of(url) == ["3"]
    assert [fault.why for fault in broken_links(url)] == ["entry 1 is missing: the next one there is 3"]


def append_until_kept(log: DecisionLog, about: str) -> None:
    """Append an entry, again where it is refused."""

    def kept() -> bool:
        try:
            append(log, an_entry(about=about))
        except LogDown:
            return False
        return True

    wait_until(kept)
