"""What people are told of an incident: the same words through every channel, and the same ones when sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from training.alerts.finding import SEVERITIES, Severity
from training.alerts.incident import Change, Incident
from training.alerts.one_line import one_line

_SUBJECTS: Mapping[str, str] = {
    "opened": "{severity}",
    "raised": "now {severity}",
    "recovered": "recovered",
    "test": "test",
}
_ENDINGS: Mapping[str, str] = {
    "opened": "One more message follows when it is over, and one if it becomes more severe.",
    "raised": "It is more severe than when it began. One more message follows when it is over.",
    "recovered": "It is found no more, or its model is no longer champion; nothing needs to be done.",
    "test": "This is a test of the way that alerts take; nothing is wrong, and no other message follows.",
}
_LONGEST_FIGURE, _MOST_FIGURES = 120, 30


@dataclass(frozen=True, slots=True)
class Message:
    """id: stable and unique to the incident and its step, so that a receiver can tell what it has had already.

    first_id: id of the message that opened the incident. text: lines for a person. severity: the incident's highest.
    """

    id: str
    first_id: str
    step: str
    use_case: str
    severity: Severity
    subject: str
    text: str
    body: Mapping[str, Any]


def message_of(change: Change) -> Message:
    """Return the message that tells of a step."""
    incident = change.incident
    return _message(change.step, incident, f"{incident.id}.{change.step}")


def trial_message(at: int) -> Message:
    """Return a message that says that it is a test; at: µs UTC, which names it."""
    figures = {"example": 0.25}
    return _message(
        "test", Incident("aval", "test", 1, SEVERITIES[-1], "alerts arrive", figures, at, at), f"test.{at}"
    )


def _message(step: str, incident: Incident, name: str) -> Message:
    subject = (
        f"Aval: {_SUBJECTS[step].format(severity=incident.severity)}: {incident.use_case}: {incident.title}"
    )
    text = _text(step, incident)
    return Message(
        id=name,
        first_id=name if step == "test" else f"{incident.id}.opened",
        step=step,
        use_case=incident.use_case,
        severity=incident.severity,
        subject=one_line(subject, 240),
        text=text,
        body={"id": name, "step": step, **incident.to_json(), "text": text},
    )


def _text(step: str, incident: Incident) -> str:
    facts = {"Severity": incident.severity, "Since": _time(incident.opened_at)}
    if incident.recovered_at is not None:
        facts |= {"Seen last": _time(incident.seen_at), "Over since": _time(incident.recovered_at)}
    facts |= {name: _shown(value) for name, value in list(incident.figures.items())[:_MOST_FIGURES]}
    facts["Reference"] = incident.id
    width = max(map(len, facts))
    lines = [f"  {name:<{width}}  {value}" for name, value in facts.items()]
    head = f"{incident.use_case}: {incident.title}"
    ways = [] if step == "test" else _ways(incident.use_case)
    return "\n".join([head, "", *lines, "", _ENDINGS[step], *ways, ""])


def _ways(use_case: str) -> list[str]:
    return [
        "",
        f"What the looks found:  aval drift {use_case}",
        f"All incidents:         aval incidents {use_case}",
    ]


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value), _LONGEST_FIGURE)


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"
