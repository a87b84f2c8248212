"""Incidents, with who was told of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.monitoring.events import EventStore
from training.alerts.history import history
from training.alerts.ledger import Attempts, attempts_of
from training.alerts.looks import KIND, looks_of


def incidents_told(store: EventStore, use_case: str) -> list[dict[str, Any]]:
    """Return all incidents as JSON, in the order in which they began.

    told: by channel, the latest of the incident's messages that it was to get: its step, whether it was sent, and what
    was answered.
    """
    events = store.events(use_case, [KIND])
    tried = attempts_of(events)
    incidents = history(use_case, looks_of(events)).incidents
    return [{**incident.to_json(), "told": _told(incident.id, tried)} for incident in incidents]


def _told(incident: str, tried: Mapping[tuple[str, str], Attempts]) -> dict[str, dict[str, Any]]:
    """Return by channel what became of the last step's message: steps were tried in their order."""
    told: dict[str, dict[str, Any]] = {}
    for (message, channel), attempts in tried.items():
        name, _, step = message.partition(".")
        if name == incident:
            told[channel] = {"step": step, "sent": attempts.sent, "answer": attempts.answer}
    return dict(sorted(told.items()))
