from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from service.decision_log import Kind
from service.errors import AvalError
from tests.processes import Home
from tests.training.alerts.web_receiver import web_receiver
from tests.training.simulation.commands import CASE, aval_simulate, logged, use_home
from tests.training.simulation.worlds import CONTRACT
from training.simulation.door import Happened
from training.simulation.http_door import HttpDoor


def test_a_running_service_decides_the_same_records_and_is_told_their_outcomes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_home: Callable[[str], Home],
    served: Callable[[str], str],
) -> None:
    use_home(monkeypatch, tmp_path)
    url, home = served(CASE), quick_home(CASE).folder / "aval"
    before = len(logged(home, Kind.DECISION)), len(logged(home, Kind.OUTCOME))
    done = aval_simulate(CASE, "--url", url, "--weeks", "1", "--per-day", "30", "--into-real-log", "--json")
    assert done.code == 0, done.said
    body = done.body
    assert body["decisions"] == 210
    assert body["told"] == body["approve"] + body["refer"]
    after = len(logged(home, Kind.DECISION)), len(logged(home, Kind.OUTCOME))
    assert (after[0] - before[0], after[1] - before[1]) == (210, body["told"])
    asked = [item.row.request_id for item in logged(home, Kind.DECISION)[before[0] :]]
    assert all(request_id.startswith("simulation-credit_risk-") for request_id in asked), asked


def test_a_redirect_is_not_followed_and_gets_no_key() -> None:
    with web_receiver() as service, web_receiver() as elsewhere:
        service.statuses, service.moved_to = [302], elsewhere.url
        door = HttpDoor(service.url, CONTRACT, "the key")
        with pytest.raises(AvalError, match="/outcomes answered 302: a redirect, which is not followed"):
            asyncio.run(door.tell([Happened("a", True, 0)], 0))
    assert service.received[0].headers["x-api-key"] == "the key"
    assert elsewhere.received == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--url", "http://127.0.0.1:9"), "type --into-real-log if it may"),
        (("--url", "ftp://127.0.0.1", "--into-real-log"), "does not begin with http:// or https://"),
        (("--url", "http://127.0.0.1:9", "--into-real-log"), "does not answer"),
        (("--url", "http://127.0.0.1:9", "--into-real-log", "--delay", "3"), "everything happens now"),
    ],
)
def test_a_service_that_cannot_be_asked_is_told_of_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_home: Callable[[str], Home],
    options: tuple[str, ...],
    message: str,
) -> None:
    quick_home(CASE)
    use_home(monkeypatch, tmp_path)
    done = aval_simulate(CASE, *options)
    assert (done.code, message in done.said) == (2, True), done.said
