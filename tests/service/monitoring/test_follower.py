"""Counting in the background, while somebody looks."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.decision_log.errors import LogRefused
from service.monitoring.cells import Of
from service.monitoring.dashboard import last_days
from service.monitoring.database import open_database
from service.monitoring.follower import Pace
from service.monitoring.following import catch_up, rollups_of
from service.monitoring.rollups import RollupStore
from service.monitoring.watch import Watch
from tests.service.decision_log.logs import wait_until
from tests.service.decision_log.written_log import write
from tests.service.monitoring.counted import DAY, SCORER, USE_CASE, decisions, log_at, outcome, whole

QUICK = Pace(at_once=20, rest=0.0, every=0.05, looked=30.0, lease=5.0)
NOW = time.time_ns() // 1000
TRAFFIC: dict[str, Any] = {}


class Watched:
    """A watch on a log in a folder, and what it told."""

    def __init__(self, folder: Path, pace: Pace = QUICK) -> None:
        self.url = f"sqlite:///{folder / 'log.db'}"
        self.monitoring = f"sqlite:///{folder / 'monitoring.db'}"
        self.told: list[Mapping[str, Any]] = []
        self.watch = Watch(self.monitoring, log_at(self.url), SCORER, self.told.append, pace)

    @property
    def counted(self) -> int:
        """How many decisions the dashboard of the last thirty days shows."""
        body = self.watch.board(last_days(30, NOW), TRAFFIC)
        return sum(map(sum, (body["volume"][name] for name in ("approve", "refer", "decline"))))


@pytest.fixture
def watched(tmp_path: Path) -> Any:
    found = Watched(tmp_path)
    write(found.url, decisions(50, begin=NOW - 5 * DAY), at_once=50)
    yield found
    found.watch.close(10)


def test_nothing_is_opened_or_counted_before_somebody_looks(watched: Watched, tmp_path: Path) -> None:
    time.sleep(0.2)
    assert not (tmp_path / "monitoring.db").exists()
    assert watched.told == []


def test_what_is_in_the_log_is_counted_once_somebody_looks(watched: Watched) -> None:
    watched.watch.look()
    wait_until(lambda: watched.counted == 50)
    wait_until(lambda: bool(watched.told))
    assert watched.told[-1]["behind"] == 0
    assert set(watched.told[-1]["csi"]) == set(SCORER.contract.inputs)


def test_what_comes_later_is_counted_while_somebody_looks(watched: Watched) -> None:
    watched.watch.look()
    wait_until(lambda: watched.counted == 50)
    write(watched.url, decisions(7, seed=2, begin=NOW - DAY))
    watched.watch.look()
    wait_until(lambda: watched.counted == 57)


def test_it_is_told_when_the_log_was_last_counted(watched: Watched) -> None:
    watched.watch.look()
    wait_until(lambda: len(watched.told) > 2)
    moments = [figures["looked"] for figures in watched.told]
    assert moments == sorted(moments)
    assert NOW / 1e6 <= moments[0] < moments[-1] <= time.time()


def test_outcomes_are_told_of_decisions_however_long_ago(watched: Watched) -> None:
    write(watched.url, [*decisions(3, seed=2, begin=NOW - 60 * DAY), outcome("d0", bad=True)])
    write(watched.url, [outcome("d0-2", bad=False), outcome("d0-2", bad=True, correction=1)])
    watched.watch.look()
    wait_until(lambda: bool(watched.told))
    assert (watched.told[-1]["behind"], watched.told[-1]["told"]) == (0, 2)


def test_it_stops_when_nobody_looks_and_begins_again(watched: Watched, tmp_path: Path) -> None:
    watched = Watched(tmp_path, replace(QUICK, looked=0.5))
    watched.watch.look()
    wait_until(lambda: watched.counted == 50)
    time.sleep(0.8)
    told = len(watched.told)
    write(watched.url, decisions(3, seed=2, begin=NOW - DAY))
    time.sleep(0.3)
    assert (len(watched.told), watched.counted) == (told, 50)
    watched.watch.look()
    wait_until(lambda: watched.counted == 53)
    watched.watch.close(10)


def test_of_two_processes_one_counts_and_both_tell(watched: Watched, tmp_path: Path) -> None:
    store = RollupStore(open_database(watched.monitoring), USE_CASE)
    for rollup in rollups_of(SCORER):
        assert store.lease(rollup.name, "another process", NOW, NOW + DAY)
    watched.watch.look()
    wait_until(lambda: bool(watched.told))
    first = watched.told[-1]
    assert (first["behind"], watched.counted) == (50, 0)
    assert first["looked"] is None, "whether the other one counts is not known"
    catch_up(watched.monitoring, log_at(watched.url), SCORER)
    wait_until(lambda: watched.told[-1]["behind"] == 0)
    assert watched.told[-1]["looked"] >= NOW / 1e6
    assert whole(store, Of.DECISIONS)["known"][0] == 50


def test_a_deleted_database_is_made_and_counted_again(watched: Watched, tmp_path: Path) -> None:
    watched.watch.look()
    wait_until(lambda: watched.counted == 50)
    for file in tmp_path.glob("monitoring.db*"):
        # Whoever closes it last deletes what stands beside it.
        file.unlink(missing_ok=True)
    watched.watch.look()
    wait_until(lambda: watched.counted == 50)


def test_a_log_that_cannot_be_read_is_said_once_and_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(tmp_path)
    with pytest.raises(LogRefused, match="there is no decision log"):
        watched.watch.board(last_days(1, NOW), TRAFFIC)
    with caplog.at_level(logging.WARNING):
        watched.watch.look()
        time.sleep(0.4)
        assert watched.told == []
        write(watched.url, decisions(5, begin=NOW - DAY))
        watched.watch.look()
        wait_until(lambda: watched.counted == 5)
    watched.watch.close(10)
    complaints = [record.message for record in caplog.records if record.name == "service.monitoring.follower"]
    assert "there is no decision log" in complaints[0]
    assert len(complaints) == len(set(complaints))


def test_it_ends_in_the_middle_of_its_work_and_goes_on_later(tmp_path: Path) -> None:
    slow = Watched(tmp_path, Pace(at_once=5, rest=50.0, every=0.05, looked=60.0, lease=0.1))
    write(slow.url, decisions(60, begin=NOW - 5 * DAY), at_once=60)
    slow.watch.look()
    wait_until(lambda: slow.counted > 0)
    began = time.monotonic()
    slow.watch.close(10)
    assert time.monotonic() - began < 5
    assert 0 < slow.counted < 60
    catch_up(slow.monitoring, log_at(slow.url), SCORER)
    assert slow.counted == 60
    told = len(slow.told)
    slow.watch.look()
    time.sleep(0.2)
    assert len(slow.told) == told, "what was closed stays so"
