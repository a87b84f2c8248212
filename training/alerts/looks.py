"""The looks at a use case, numbered in the order in which they were recorded.

A number is taken by being the first to add an event under it: of two looks at once one is told to read again. So
there is one order of looks, whoever reads them, and all that follows from it is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from service.monitoring.events import Event, EventStore
from training.alerts.finding import Finding, Look, more_severe

KIND = "incident"
_STEP = "look"


@dataclass(frozen=True, slots=True)
class NumberedLook:
    """A recorded look. found: by key. looks_to_recover: how many looks without a finding end its incident.

    channels: names of those that were to be told of it. model: the tag of the one that was looked at.
    """

    number: int
    at: int
    found: Mapping[str, Finding]
    unjudged: frozenset[str]
    looks_to_recover: int
    channels: frozenset[str] = frozenset()
    model: str = ""


def record_look(store: EventStore, look: Look, looks_to_recover: int, channels: Iterable[str] = ()) -> None:
    """Record a look as the next one; nothing happens where its moment is recorded already."""
    body = {
        "step": _STEP,
        "findings": [finding.to_json() for finding in look.findings],
        "unjudged": sorted(set(look.unjudged)),
        "looks_to_recover": looks_to_recover,
        "channels": sorted(channels),
        "model": look.model,
    }
    added = False
    while not added:
        past = looks_of(store.events(look.use_case, [KIND]))
        if any(known.at == look.at for known in past):
            return
        number = past[-1].number + 1 if past else 1
        added = store.add(Event(look.use_case, KIND, f"look:{number}", look.at, {**body, "number": number}))


def looks_of(events: Iterable[Event]) -> list[NumberedLook]:
    """Return the looks among the events of a use case, in their order."""
    looks = [_look(event) for event in events if event.body.get("step") == _STEP]
    return sorted(looks, key=lambda look: look.number)


def _look(event: Event) -> NumberedLook:
    body = event.body
    findings = [Finding.from_json(finding) for finding in body["findings"]]
    found: dict[str, Finding] = reduce(_with_worst, findings, {})
    return NumberedLook(
        number=body["number"],
        at=event.at,
        found=found,
        unjudged=frozenset(body["unjudged"]),
        looks_to_recover=body["looks_to_recover"],
        channels=frozenset(body["channels"]),
        model=body.get("model", ""),
    )


def _with_worst(found: dict[str, Finding], finding: Finding) -> dict[str, Finding]:
    """Keep the most severe of findings with one key."""
    known = found.get(finding.key)
    if known is None or more_severe(known.severity, finding.severity) != known.severity:
        found[finding.key] = finding
    return found
