"""Commands about incidents and the ways that people are told of them: incidents, alerts test."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.cli.log_place import NOTHING_TO_DO, SAID_NO
from training.console import progress, say, say_json, say_rows
from training.use_cases import find_use_case

if TYPE_CHECKING:
    from training.alerts import Alerts
    from training.alerts.channels import Channel

AlertsFile = Annotated[
    Path | None,
    typer.Option("--alerts", metavar="FILE", help="who is told, and how; default: alerts.toml in AVAL_HOME"),
]

alerts_app = typer.Typer(no_args_is_help=True, help="The ways in which people are told of incidents.")


@alerts_app.callback()
def _group() -> None:
    """The ways in which people are told of incidents."""


@alerts_app.command("test")
def try_channels(alerts: AlertsFile = None, as_json: AsJson = False) -> None:
    """Send a test message through every channel, and say what each answered."""
    from training.alerts import read_alerts

    found = read_alerts(alerts, Settings.from_environment().home)
    with progress("testing channels"):
        rows = _tried(found)
    if as_json:
        say_json(rows)
    elif rows:
        say_rows([_answered(row) for row in rows], ["channel", "sent", "answer"])
    else:
        say(
            "no channels: nobody is told of incidents; name some in alerts.toml in AVAL_HOME, or give --alerts FILE"
        )
    if not rows:
        raise typer.Exit(NOTHING_TO_DO)
    if not all(row["sent"] for row in rows):
        raise typer.Exit(SAID_NO)


def incidents(
    use_case: UseCaseName,
    only_open: Annotated[bool, typer.Option("--open", help="only those that last")] = False,
    as_json: AsJson = False,
) -> None:
    """Incidents, the latest first: what looks found wrong, since when, until when, and who was told."""
    from service.monitoring.events import event_store
    from training.alerts.told import incidents_told

    name = find_use_case(use_case).name
    with event_store(Settings.from_environment().monitoring) as store:
        told = incidents_told(store, name)
    rows = [row for row in reversed(told) if not (only_open and row["recovered_at"])]
    if as_json:
        say_json(rows)
    elif rows:
        say_rows(
            [_shown(row) for row in rows], ["severity", "what", "since", "seen last", "over since", "told"]
        )
    else:
        say(f"no {'open ' if only_open else ''}incidents of {name}")


def _tried(alerts: Alerts) -> list[dict[str, Any]]:
    from training.alerts.metrics import publish

    now = time.time_ns() // 1000
    rows = [_tried_channel(channel, now) for channel in alerts.channels]
    for meter in alerts.meters:
        faults: list[str] = []
        publish([meter], "aval", {"Incidents.Open": 0.0}, now, faults.append)
        answer = faults[0] if faults else f"Incidents.Open = 0 for UseCase aval to {meter.to}"
        rows.append({"channel": meter.name, "sent": not faults, "answer": answer})
    return rows


def _tried_channel(channel: Channel, now: int) -> dict[str, Any]:
    from training.alerts.channels import NotSent
    from training.alerts.delivery import PACE, send_within
    from training.alerts.message import trial_message

    try:
        answer, sent = send_within(channel, trial_message(now), PACE.longest), True
    except NotSent as fault:
        answer, sent = str(fault), False
    return {"channel": channel.name, "sent": sent, "answer": answer}


def _shown(row: dict[str, Any]) -> dict[str, str]:
    times = {
        name: (row[name] or "")[:16].replace("T", " ") for name in ("opened_at", "seen_at", "recovered_at")
    }
    told = ", ".join(f"{name}: {'yes' if item['sent'] else 'not yet'}" for name, item in row["told"].items())
    return {
        "severity": row["severity"],
        "what": escape(row["title"]),
        "since": times["opened_at"],
        "seen last": times["seen_at"],
        "over since": times["recovered_at"],
        "told": told,
    }


def _answered(row: dict[str, Any]) -> dict[str, str]:
    return {
        "channel": row["channel"],
        "sent": "sent" if row["sent"] else "not sent",
        "answer": escape(row["answer"]),
    }
