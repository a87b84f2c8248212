"""From what a look found to incidents, and from incidents to people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.monitoring.events import Event, EventStore
from training.alerts.alerts_file import LOOKS_TO_RECOVER, Alerts
from training.alerts.channels import Channel
from training.alerts.delivery import Post, deliver
from training.alerts.finding import Finding, Look
from training.alerts.history import History, history
from training.alerts.incident import Change, Incident
from training.alerts.looks import KIND, looks_of, record_look
from training.alerts.metrics import counts_of, publish


def raise_alerts(
    store: EventStore, alerts: Alerts, look: Look, tell: Callable[[str], None]
) -> list[Incident]:
    """Record a look, tell people what follows from it, and return the incidents that are open or that it ended.

    Safe to repeat and to run twice at once: every channel gets one message when an incident begins, one when it grows
    more severe and one when it is over, by the rules of `delivery`. `tell` gets a line for whatever did not get
    through, which never stops the look. Raises `MonitoringDown`.
    """
    record_look(store, look, alerts.looks_to_recover, [channel.name for channel in alerts.channels])
    events = store.events(look.use_case, [KIND])
    past = history(look.use_case, looks_of(events))
    _announce(store, past.changes, {event.key for event in events})
    deliver(Post(store, tell, alerts.pace), alerts.channels, look.use_case, past.changes, look.at)
    publish(alerts.meters, look.use_case, {**look.measures, **counts_of(past.incidents)}, look.at, tell)
    return [item for item in past.incidents if item.is_open or item.recovered_at == look.at]


def settle_incidents(
    store: EventStore, channels: Sequence[Channel], use_case: str, findings: Sequence[Finding], at: int
) -> list[Incident]:
    """Do what `raise_alerts` does for a look at a moment in µs UTC; what did not get through is told nobody."""
    alerts = Alerts(tuple(channels), (), LOOKS_TO_RECOVER)
    return raise_alerts(store, alerts, Look(use_case, findings, at), lambda _: None)


def incidents_of(store: EventStore, use_case: str) -> list[Incident]:
    """Return all incidents of a use case, in the order in which they began."""
    return list(_history(store, use_case).incidents)


def _history(store: EventStore, use_case: str) -> History:
    return history(use_case, looks_of(store.events(use_case, [KIND])))


def _announce(store: EventStore, changes: Sequence[Change], known: set[str]) -> None:
    """Add an event for every step that has none, for readers that follow incidents and not looks: the dashboard."""
    for change in changes:
        incident = change.incident
        key = f"{incident.id}.{change.step}"
        if key not in known:
            store.add(Event(incident.use_case, KIND, key, change.at, _state(change)))


def _state(change: Change) -> dict[str, object]:
    incident = change.incident
    return {
        "step": change.step,
        "incident": incident.id,
        "key": incident.key,
        "severity": incident.severity,
        "title": incident.title,
        "figures": dict(incident.figures),
        "opened_at": incident.opened_at,
        "recovered_at": incident.recovered_at,
    }
