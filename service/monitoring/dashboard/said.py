"""What was said about monitoring: incidents, looks and retrainings, as the dashboard shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from service.decision_log.statements import iso
from service.monitoring.events import Event

# Of an incident's events the furthest step says how it is now; the other kinds of step are about its messages.
_STEPS = ("opened", "raised", "recovered")
MOST_RETRAININGS = 20


def incidents(events: Iterable[Event], since: int) -> list[dict[str, Any]]:
    """Return the incidents that are open, or that recovered since then (microseconds since 1970, UTC)."""
    now: dict[str, tuple[int, Event]] = {}
    for event in events:
        if event.kind == "incident" and event.body.get("step") in _STEPS:
            step, name = _STEPS.index(event.body["step"]), str(event.body["incident"])
            if name not in now or step >= now[name][0]:
                now[name] = (step, event)
    bodies = [event.body for _, event in now.values()]
    return [
        _incident(body) for body in bodies if body["recovered_at"] is None or body["recovered_at"] >= since
    ]


def open_by_severity(found: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many incidents are open, of each severity."""
    counts = Counter(str(item["severity"]) for item in found if item["recovered_at"] is None)
    return {"warning": counts["warning"], "critical": counts["critical"]}


def with_moment(event: Event) -> dict[str, Any]:
    """Return the body of an event with its moment (microseconds since 1970, UTC), where it does not say that itself."""
    return {"at": event.at, **event.body}


def retrainings(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the bodies of the last steps of retrainings with their moments, in the order of time."""
    return [with_moment(event) for event in events if event.kind == "retraining"][-MOST_RETRAININGS:]


def _incident(body: Any) -> dict[str, Any]:
    recovered = body["recovered_at"]
    return {
        **{name: body[name] for name in ("key", "severity", "title")},
        "opened_at": iso(body["opened_at"]),
        "recovered_at": None if recovered is None else iso(recovered),
        "figures": body["figures"],
    }
