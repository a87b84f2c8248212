from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from service.errors import AvalError
from service.monitoring.events import event_store
from tests.processes import free_port
from tests.training.alerts.incident_room import CALIBRATION, INCOME, Notebook, Room, address, down, room
from tests.training.alerts.web_receiver import web_receiver
from tests.training.log_commands import Done
from training.cli.alerts import alerts_app, incidents


def aval(*arguments: str | Path) -> Done:
    """Run a command."""
    app = typer.Typer()
    app.add_typer(alerts_app, name="alerts")
    app.command()(incidents)
    done = CliRunner().invoke(app, [str(item) for item in arguments])
    if isinstance(done.exception, AvalError):
        return Done(done.exception.exit_code, done.stdout, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose monitoring events a room in the same folder shares."""
    monkeypatch.setenv("AVAL_HOME", str(tmp_path))
    monkeypatch.setenv("AVAL_MONITORING", address(tmp_path))
    return tmp_path


@pytest.fixture
def past(home: Path) -> Room:
    """An incident that is over, told to one channel and not to another, and one that lasts."""
    with room(home) as desk:
        for day, findings in enumerate([[INCOME], [CALIBRATION], [CALIBRATION]]):
            desk.look(day, findings, Notebook("mail"), Notebook("hook", faults=[down()]))
    return desk


@pytest.mark.usefixtures("past")
def test_incidents_are_listed_the_latest_first_with_who_was_told() -> None:
    done = aval("incidents", "credit_risk", "--json")
    latest, first = done.body
    assert done.code == 0
    assert (latest["key"], latest["severity"], latest["recovered_at"]) == (CALIBRATION.key, "critical", None)
    assert (first["key"], first["recovered_at"]) == (INCOME.key, "2026-11-20T11:06:40+00:00")
    assert first["told"]["mail"] == {"step": "recovered", "sent": True, "answer": "noted"}
    assert first["told"]["hook"] == {"step": "recovered", "sent": False, "answer": "nobody answers"}


@pytest.mark.usefixtures("past")
def test_incidents_are_shown_to_people_in_a_table() -> None:
    shown = aval("incidents", "credit_risk").out
    for words in ("person_income has drifted", "probabilities are too low", "2026-11-20 11:06", "mail: yes"):
        assert words in shown


@pytest.mark.usefixtures("past")
def test_only_open_incidents_are_listed_where_that_is_asked_for() -> None:
    (lasting,) = aval("incidents", "credit_risk", "--open", "--json").body
    assert lasting["key"] == CALIBRATION.key


def test_where_nothing_was_found_there_are_no_incidents(home: Path) -> None:
    assert aval("incidents", "credit_risk").out == "no incidents of credit_risk\n"
    assert aval("incidents", "credit_risk", "--open").out == "no open incidents of credit_risk\n"
    assert aval("incidents", "credit_risk", "--json").body == []


def test_a_title_that_looks_like_markup_is_shown_as_it_is(home: Path) -> None:
    from dataclasses import replace

    with room(home) as desk:
        desk.look(0, [replace(INCOME, title="column [/red] [bold]x")])
    assert "column [/red] [bold]x" in aval("incidents", "credit_risk").out


def test_a_use_case_that_does_not_exist_is_wrong_use(home: Path) -> None:
    done = aval("incidents", "no_such_case")
    assert done.code == 2
    assert "no_such_case" in done.said


def test_every_channel_is_tried_and_says_what_it_answered(home: Path) -> None:
    with web_receiver() as receiver:
        hooks = {"works": receiver.url, "closed": f"http://127.0.0.1:{free_port()}/x"}
        channels = [{"name": name, "kind": "webhook", "url": url} for name, url in hooks.items()]
        file = home / "alerts.json"
        file.write_text(json.dumps({"channels": [*channels, {"name": "figures", "kind": "metrics"}]}))
        done = aval("alerts", "test", "--alerts", file, "--json")
    assert done.code == 1
    assert [(row["channel"], row["sent"]) for row in done.body] == [
        ("works", True),
        ("closed", False),
        ("figures", True),
    ]
    assert done.body[0]["answer"] == "127.0.0.1 answered 200"
    assert "Connection refused" in done.body[1]["answer"]
    assert receiver.steps == ["test"]


def test_a_test_of_all_channels_that_work_ends_well(home: Path) -> None:
    with web_receiver() as receiver:
        (home / "alerts.toml").write_text(
            f'[[channels]]\nname = "hook"\nkind = "webhook"\nurl = "{receiver.url}"\n'
        )
        done = aval("alerts", "test")
    assert done.code == 0
    assert "127.0.0.1 answered 200" in done.out


def test_without_channels_there_is_nothing_to_test(home: Path) -> None:
    done = aval("alerts", "test")
    assert done.code == 3
    assert done.out.startswith("no channels: nobody is told of incidents; name some in alerts.toml")
    assert aval("alerts", "test", "--json").body == []


def test_a_test_opens_no_incident(home: Path) -> None:
    (home / "alerts.toml").write_text('[[channels]]\nname = "figures"\nkind = "metrics"\n')
    aval("alerts", "test")
    with event_store(address(home)) as store:
        assert store.events("aval") == []
