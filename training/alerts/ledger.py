"""What each channel was told, as events: a message is claimed, and then sent or not.

Whoever adds the claim with the next number is the one who sends. A claim whose process has died is over after a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from service.monitoring.events import Event, EventStore
from training.alerts.looks import KIND


@dataclass(frozen=True, slots=True)
class Slot:
    """One message and one channel; at: the look's moment, µs UTC."""

    use_case: str
    message: str
    channel: str
    at: int


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried for a slot.

    claimed, failed: the highest numbers of claims and of those that failed. claimed_at: µs UTC by the clock of whoever
    claimed last. answer: the channel's, or why it was not sent.
    """

    claimed: int = 0
    failed: int = 0
    claimed_at: int = 0
    sent: bool = False
    answer: str = ""

    @property
    def under_way(self) -> bool:
        """Whether somebody is sending, or died over it."""
        return not self.sent and self.claimed > self.failed


NONE = Attempts()
_STEPS = ("claimed", "failed", "sent")


def read_attempts(store: EventStore, use_case: str) -> dict[tuple[str, str], Attempts]:
    """Return what was tried, by message and channel."""
    return attempts_of(store.events(use_case, [KIND]))


def attempts_of(events: Iterable[Event]) -> dict[tuple[str, str], Attempts]:
    """Return what the events of a use case say was tried, by message and channel."""
    tried: dict[tuple[str, str], Attempts] = {}
    for event in events:
        body = event.body
        if body.get("step") in _STEPS:
            slot = body["message"], body["channel"]
            tried[slot] = _after(tried.get(slot, NONE), body)
    return tried


def claim(store: EventStore, slot: Slot, number: int, clock: int) -> bool:
    """Take the right to send; False where somebody else has taken that number. clock: µs UTC now."""
    return _add(store, slot, f"claimed:{number}", step="claimed", number=number, clock=clock)


def note_sent(store: EventStore, slot: Slot, answer: str) -> None:
    """Record that the message got through."""
    _add(store, slot, "sent", step="sent", answer=answer)


def note_failed(store: EventStore, slot: Slot, number: int, why: str) -> None:
    """Record that the attempt of a claim failed."""
    _add(store, slot, f"failed:{number}", step="failed", number=number, answer=why)


def _add(store: EventStore, slot: Slot, name: str, **told: Any) -> bool:
    body = {**told, "message": slot.message, "channel": slot.channel}
    return store.add(Event(slot.use_case, KIND, f"{slot.message}:{slot.channel}:{name}", slot.at, body))


def _after(tried: Attempts, body: Any) -> Attempts:
    if body["step"] == "sent":
        return replace(tried, sent=True, answer=body["answer"])
    if body["step"] == "failed":
        answer = tried.answer if tried.sent else body["answer"]
        return replace(tried, failed=max(tried.failed, body["number"]), answer=answer)
    if body["number"] <= tried.claimed:
        return tried
    return replace(tried, claimed=body["number"], claimed_at=body["clock"])
