from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.decision_log import Kind
from service.errors import AvalError
from tests.processes import Home
from tests.training.log_commands import Done
from tests.training.simulation.commands import CASE, aval_simulate, logged, use_home
from training.simulation import session
from training.simulation.log_door import LogDoor
from training.simulation.stopping import stoppable

DAY = 86_400 * 1_000_000
OPTIONS = ("--per-day", "20", "--delay", "1", "--declines-told")


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_home: Callable[[str], Home]
) -> Iterator[Path]:
    """Where the simulation will be; signals are heard, also where the tests run in the background."""
    quick_home(CASE)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield use_home(monkeypatch, tmp_path) / "simulations" / CASE
    signal.signal(signal.SIGINT, before)


def signalled(monkeypatch: pytest.MonkeyPatch, number: int, day: int) -> Done:
    """Begin to simulate a week and get a signal within one of its days."""
    real = session.simulate

    def simulate(asked: Any, place: Any, step: Any) -> dict[str, Any]:
        def and_signal(done: int, of: int) -> None:
            step(done, of)
            if done == day:
                os.kill(os.getpid(), number)

        return real(asked, place, and_signal)

    with monkeypatch.context() as patched:
        patched.setattr(session, "simulate", simulate)
        return aval_simulate(CASE, "--start", "2026-06-01", "--weeks", "1", *OPTIONS)


def go_on() -> Any:
    done = aval_simulate(CASE, "--weeks", "1", *OPTIONS, "--json")
    assert done.code == 0, done.said
    return done.body


def expect_whole(home: Path, days: int) -> None:
    """Every day has its decisions once, and every outcome that was seen was told once."""
    decided = {item.row.about: item.row.at for item in logged(home, Kind.DECISION)}
    first = min(decided.values()) // DAY
    by_day = [sum(at // DAY - first == day for at in decided.values()) for day in range(days)]
    assert by_day == [20] * days
    assert len(decided) == 20 * days
    told = sorted(item.row.about for item in logged(home, Kind.OUTCOME))
    assert told == sorted(about for about, at in decided.items() if at // DAY - first < days - 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_after_the_day_and_it_goes_on_from_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    done = signalled(monkeypatch, number, 3)
    assert (done.code, "run again without --weeks, it goes on from 2026-06-04" in done.out) == (code, True)
    expect_whole(home, 3)
    body = go_on()
    assert (body["since"], body["until"], body["stopped_by"]) == ("2026-06-04", "2026-06-11", None)
    expect_whole(home, 10)


def test_outcomes_that_could_not_be_told_are_told_the_next_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, seen = LogDoor.tell, iter(range(100))

    async def down_on_the_fourth(self: LogDoor, happened: Any, at: int) -> None:
        if next(seen) == 3:
            raise AvalError("the log is down; the simulation stopped")
        await tell(self, happened, at)

    monkeypatch.setattr(LogDoor, "tell", down_on_the_fourth)
    done = aval_simulate(CASE, "--start", "2026-06-01", "--weeks", "1", *OPTIONS)
    assert (done.code, done.said) == (2, "the log is down; the simulation stopped")
    assert go_on()["since"] == "2026-06-05"
    expect_whole(home, 11)


def test_a_second_signal_ends_it_at_once() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with stoppable() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.by == "SIGINT"


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.by is None


def test_outside_of_the_main_thread_nothing_is_heard() -> None:
    found: list[str | None] = []

    def run() -> None:
        with stoppable() as stop:
            found.append(stop.by)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [None]
