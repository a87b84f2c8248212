"""Processes and databases that go away under load. AVAL_KILLS=50 kills that many processes instead of six."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from service.decision_log.reading import reading
from service.decision_log.tables import ENTRIES
from tests.e2e.supervised import Callers, Received, Supervised
from tests.postgres import Postgres
from tests.processes import Home, web
from tests.service.records import records

USE_CASE = "credit_risk"
KILLS = int(os.environ.get("AVAL_KILLS") or "6")
# Another one each time; the number is in the name of what failed.
SEED = int(os.environ.get("AVAL_KILLS_SEED") or random.SystemRandom().randrange(10_000))
DOWN_SECONDS = 2.0
BACK_SECONDS = 60.0
QuickHome = Callable[[str], Home]


# Under a name that is the same in every process: a failure shows the seed itself.
@pytest.mark.parametrize("seed", [SEED], ids=["any seed"])
def test_a_process_that_is_killed_takes_no_decision_with_it(
    quick_home: QuickHome, tmp_path: Path, seed: int
) -> None:
    home, url = quick_home(USE_CASE), f"sqlite:///{tmp_path / 'decisions.db'}"
    chance = random.Random(seed)  # noqa: S311
    server = Supervised(home, USE_CASE, {"AVAL_DECISION_LOG": url, "AVAL_WORKERS": "2"})
    with server.running(), Callers(server.port, records(USE_CASE)).calling() as callers:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 1.0))
            os.kill(chance.choice(some_processes(server)), signal.SIGKILL)
            server.await_ready()
            await_answers(callers, 50)
    assert callers.wrong == []
    expect_logged(home, url, callers.received)


def test_while_the_database_is_away_nothing_is_decided_and_then_it_goes_on(
    quick_home: QuickHome, postgres: Postgres
) -> None:
    home, url = quick_home(USE_CASE), postgres.new_url()
    server = Supervised(home, USE_CASE, {"AVAL_DECISION_LOG": url})
    with server.running(), Callers(server.port, records(USE_CASE)).calling() as callers:
        await_answers(callers, 100)
        postgres.stop()
        await_status(server, 503)
        before = len(callers.received)
        time.sleep(DOWN_SECONDS)
        assert len(callers.received) == before
        assert callers.statuses[503] > 0
        postgres.start()
        await_status(server, 200)
        await_answers(callers, 100)
    assert (callers.wrong, callers.statuses[0]) == ([], 0)
    assert server.starts == 1
    expect_logged(home, url, callers.received)


def test_a_log_that_fails_open_answers_on_and_is_complete_afterwards(
    quick_home: QuickHome, postgres: Postgres, tmp_path: Path
) -> None:
    home, url = quick_home(USE_CASE), postgres.new_url()
    spool = {"AVAL_DECISION_LOG_DOWN": "open", "AVAL_SPOOL": str(tmp_path / "spool")}
    server = Supervised(home, USE_CASE, {"AVAL_DECISION_LOG": url, **spool})
    with server.running():
        with Callers(server.port, records(USE_CASE)).calling() as callers:
            await_answers(callers, 100)
            postgres.stop()
            await_answers(callers, 200)
            time.sleep(DOWN_SECONDS)
            assert web.get(f"{server.url}/readyz", timeout=30).status_code == 200
            postgres.start()
            await_answers(callers, 100)
        # Only then is there a last answer: until the spool is empty, new ones are spooled behind it.
        await_logged(url, callers)
    assert callers.wrong == []
    assert set(callers.statuses) == {200}
    expect_logged(home, url, callers.received)


def some_processes(server: Supervised) -> list[int]:
    """Return the processes that there are, once there are some: the last of them may have been killed just now."""
    while not (found := server.processes()):
        time.sleep(0.02)
    return found


def await_answers(callers: Callers, more: int) -> None:
    """Wait until so many more decisions were received."""
    wanted, deadline = len(callers.received) + more, time.monotonic() + 60
    while len(callers.received) < wanted:
        assert time.monotonic() < deadline, f"no {more} answers in a minute: {callers.statuses}"
        time.sleep(0.02)


def await_status(server: Supervised, status: int) -> None:
    """Wait until readiness has this status."""
    deadline = time.monotonic() + BACK_SECONDS
    while web.get(f"{server.url}/readyz", timeout=5).status_code != status:
        assert time.monotonic() < deadline, f"/readyz was not {status} within {BACK_SECONDS} s"
        time.sleep(0.02)


def await_logged(url: str, callers: Callers) -> None:
    """Wait until what was received is in the log."""
    received, deadline = [item.decision_id for item in callers.received], time.monotonic() + BACK_SECONDS
    while not set(received) <= set(logged(url)):
        assert time.monotonic() < deadline, "what was spooled did not reach the log"
        time.sleep(0.2)


def logged(url: str) -> dict[str, list[tuple[str, float]]]:
    """Return request id and probability of every logged decision, by decision id."""
    columns = (ENTRIES.c.about, ENTRIES.c.request_id, ENTRIES.c.probability)
    found: dict[str, list[tuple[str, float]]] = {}
    with reading(url) as connection:
        for about, request_id, probability in connection.execute(
            select(*columns).where(ENTRIES.c.kind == "decision")
        ):
            found.setdefault(about, []).append((request_id, probability))
    return found


def expect_logged(home: Home, url: str, received: Sequence[Received]) -> None:
    """Assert that what was received is in the log exactly once, as it was answered, and that its chains hold."""
    entries = logged(url)
    for item in received:
        assert entries.get(item.decision_id) == [(item.request_id, item.probability)]
    decided = Counter(request_id for told in entries.values() for request_id, _ in told)
    keyed = [item.request_id for item in received if item.keyed]
    assert keyed
    # However often it was sent, a request with a key was decided once.
    assert {decided[request_id] for request_id in keyed} == {1}
    assert len({item.decision_id for item in received}) == len(received)
    verified = home.aval("log", "verify", AVAL_DECISION_LOG=url)
    assert verified.returncode == 0, verified.stdout + verified.stderr
