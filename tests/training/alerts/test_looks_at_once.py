from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.monitoring.events import event_store
from tests.postgres import Postgres
from tests.training.alerts.deadly_look import DIED
from tests.training.alerts.incident_room import DAY, START, address
from tests.training.alerts.web_receiver import WebReceiver, web_receiver
from training.alerts import Alerts, Finding, Look, incidents_of, raise_alerts
from training.alerts.channels import Webhook
from training.alerts.delivery import Pace, Post, deliver
from training.alerts.history import history
from training.alerts.looks import KIND, looks_of, record_look

CODE = Path(__file__).resolve().parents[3]
KEYS = ("drift:income", "drift:age", "calibration")


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    with web_receiver() as running:
        yield running


def deadly_look(database: str, url: str) -> int:
    """Look in a process that ends between sending and recording, and return its exit code."""
    command = [sys.executable, str(Path(__file__).with_name("deadly_look.py")), database, url, str(START)]
    environment = {**os.environ, "PYTHONPATH": str(CODE)}
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode


def test_a_look_that_dies_after_sending_is_made_good_under_the_same_id(
    tmp_path: Path, receiver: WebReceiver
) -> None:
    database = address(tmp_path)
    assert deadly_look(database, receiver.url) == DIED
    assert receiver.steps == ["opened"]
    with event_store(database) as store:
        past = history("credit_risk", looks_of(store.events("credit_risk", [KIND])))
        post = Post(store, fail, Pace(lease=0.5))
        for _ in range(2):
            deliver(post, [Webhook("hook", receiver.url)], "credit_risk", past.changes, START + DAY)
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert receiver.received[0].body == receiver.received[1].body


def test_looks_at_once_send_every_message_once(tmp_path: Path, receiver: WebReceiver) -> None:
    _at_once(address(tmp_path), receiver)


def test_looks_at_once_send_every_message_once_also_by_way_of_postgresql(
    postgres: Postgres, receiver: WebReceiver
) -> None:
    _at_once(postgres.new_url(), receiver)


def fail(line: str) -> None:
    raise AssertionError(line)


def _at_once(database: str, receiver: WebReceiver) -> None:
    receiver.silent = 0.2
    findings = [Finding(key, "critical", f"{key} is wrong", {}) for key in KEYS]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda day: _look(database, receiver.url, day, findings), range(3)))
    assert Counter(receiver.steps) == {"opened": 3}
    assert len(set(receiver.ids)) == 3
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda day: _look(database, receiver.url, day, []), (3, 4)))
    _look(database, receiver.url, 5, [])
    assert Counter(receiver.steps) == {"opened": 3, "recovered": 3}
    assert len(set(receiver.ids)) == 6
    with event_store(database) as store:
        assert [incident.is_open for incident in incidents_of(store, "credit_risk")] == [False] * 3
        looks = looks_of(store.events("credit_risk", [KIND]))
    assert [look.number for look in looks] == [1, 2, 3, 4, 5, 6]


def _look(database: str, url: str, day: int, findings: Sequence[Finding]) -> None:
    """Look by a connection of its own, as another process would."""
    with event_store(database) as store:
        look = Look("credit_risk", findings, START + day * DAY)
        raise_alerts(store, Alerts((Webhook("hook", url),)), look, fail)


def test_a_look_that_dies_before_it_has_announced_anything_loses_nothing(
    tmp_path: Path, receiver: WebReceiver
) -> None:
    finding = Finding("drift:income", "critical", "income has drifted", {})
    with event_store(address(tmp_path)) as store:
        record_look(store, Look("credit_risk", [finding], START), 2)
        alerts = Alerts((Webhook("hook", receiver.url),))
        raise_alerts(store, alerts, Look("credit_risk", [finding], START), fail)
        steps = [event.body["step"] for event in store.events("credit_risk", [KIND])]
    assert receiver.steps == ["opened"]
    assert steps.count("look") == 1
    assert steps.count("opened") == 1
