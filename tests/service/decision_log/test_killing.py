from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.decision_log.tables import CLAIMS, RECORDS
from tests.postgres import Postgres
from tests.service.decision_log import killed
from tests.service.decision_log.logs import (
    an_entry,
    append,
    broken_links,
    entries_of,
    ids_of,
    stored,
    wait_until,
    writing,
)

CHECKOUT = Path(__file__).resolve().parents[3]
RANDOM = random.Random(4)  # noqa: S311  # when to kill is no secret
KILLS = int(os.environ.get("AVAL_KILLS", "2"))


@contextmanager
def appending(url: str, told: Path, when_down: str = "closed") -> Iterator[subprocess.Popen[bytes]]:
    """A process that appends to the log and writes what was kept to the file `told`; killed in the end."""
    command = [sys.executable, killed.__file__, url, str(told.parent / "spool"), when_down]
    with told.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kept_by(told: Path) -> list[str]:
    """The ids that a process has told, complete lines only."""
    return [line for line in told.read_text().split("\n")[:-1] if line != "up"]


def kill_some(url: str, folder: Path, kills: int, seconds: float) -> list[str]:
    """Have two processes append, kill one of them again and again; returns the ids of what was kept."""
    kept: list[str] = []
    with appending(url, folder / "long"):
        for number in range(kills):
            told = folder / f"told-{number}"
            with appending(url, told):
                wait_until(lambda told=told: len(kept_by(told)) > 20, 30)  # type: ignore[misc]
                time.sleep(RANDOM.uniform(0, seconds))
            kept += kept_by(told)
    return kept + kept_by(folder / "long")


def test_what_was_acknowledged_before_a_kill_is_there_exactly_once(url: str, tmp_path: Path) -> None:
    kept = kill_some(url, tmp_path, KILLS, 0.3)
    there = ids_of(url)
    assert len(kept) > 20 * KILLS
    assert set(kept) <= set(there)
    assert len(there) == len(set(there)), "an entry is there twice"
    # A process that is killed may have committed what it could no longer tell.
    assert len(there) - len(kept) <= killed.APPENDERS * (KILLS + 1)
    assert broken_links(url) == []
    assert len(stored(url, RECORDS)) == 2 * len(there)
    assert {bytes(row.answer).decode() for row in stored(url, CLAIMS)} <= set(there)
    with writing(url) as log:
        append(log, an_entry())
    assert len({row.writer for row in entries_of(url)}) == KILLS + 2


def test_what_was_spooled_before_a_kill_is_in_the_log_after_the_next_start(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_url()
    told = tmp_path / "told"
    with appending(url, told, "open"):
        wait_until(lambda: len(kept_by(told)) > 20, 30)
        postgres.stop()
        spooling = len(kept_by(told))
        wait_until(lambda: len(kept_by(told)) > spooling + 50)
    try:
        (spool,) = (tmp_path / "spool").glob("*.spool")
        assert spool.stat().st_size > 10_000
    finally:
        postgres.start()
    with writing(url, tmp_path / "spool"):
        wait_until(lambda: not list((tmp_path / "spool").iterdir()))
    there = ids_of(url)
    assert set(kept_by(told)) <= set(there)
    assert len(there) == len(set(there)) <= len(kept_by(told)) + killed.APPENDERS
    assert broken_links(url) == []


def test_of_many_that_start_together_each_left_spool_is_replayed_by_one(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "spool"
    (tmp_path / "log.db").mkdir()
    for _ in range(5):
        with writing(url, folder, "open") as log:
            append(log, *(an_entry() for _ in range(20)))
    (tmp_path / "log.db").rmdir()
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(writing(url, folder))
        wait_until(lambda: not list(folder.iterdir()))
    assert len(entries_of(url)) == 100
    assert broken_links(url) == []


@pytest.mark.parametrize("when_down", ["closed", "open"])
def test_a_kill_in_the_midst_of_an_outage_breaks_no_chain(
    postgres: Postgres, tmp_path: Path, when_down: str
) -> None:
    url = postgres.new_url()
    told = [tmp_path / "first", tmp_path / "second"]
    with appending(url, told[0], when_down), appending(url, told[1], when_down) as second:
        wait_until(lambda: all(len(kept_by(each)) > 20 for each in told), 30)
        postgres.stop(signal.SIGQUIT)
        time.sleep(0.3)
        second.kill()
        postgres.start()
        before = len(kept_by(told[0]))
        wait_until(lambda: len(kept_by(told[0])) > before + 50)
    with writing(url, tmp_path / "spool"):
        wait_until(lambda: not list((tmp_path / "spool").glob("*.spool")))
    there = ids_of(url)
    assert {about for each in told for about in kept_by(each)} <= set(there)
    assert len(there) == len(set(there))
    assert broken_links(url) == []
