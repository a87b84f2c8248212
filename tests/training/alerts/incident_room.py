"""A use case whose looks a test tells, day by day, and a channel that writes down what it was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.monitoring.events import EventStore, event_store
from training.alerts import Alerts, Finding, Incident, Look, Severity, incidents_of, raise_alerts
from training.alerts.channels import Channel, NotSent
from training.alerts.delivery import PACE, Pace
from training.alerts.message import Message

DAY = 86_400_000_000
START = 1_795_000_000_000_000
INCOME = Finding("drift:person_income", "warning", "person_income has drifted", {"csi": 0.31, "p": 1e-9})
WORSE = Finding("drift:person_income", "critical", "person_income has drifted far", {"csi": 0.8, "p": 1e-30})
CALIBRATION = Finding("calibration:intercept", "critical", "probabilities are too low", {"shift": 0.3})


@dataclass
class Notebook:
    """A channel that keeps its messages; `faults` are what the next ones run into."""

    name: str = "notebook"
    lowest: Severity = "warning"
    faults: list[Exception] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    tried: int = 0

    def send(self, message: Message) -> str:
        self.tried += 1
        if self.faults:
            raise self.faults.pop(0)
        self.messages.append(message)
        return "noted"

    @property
    def told(self) -> list[str]:
        """What each message was about: the step and the severity."""
        return [f"{message.step} {message.severity}" for message in self.messages]


@dataclass
class Room:
    """Looks at one use case, in one store; complaints: what looks said of channels."""

    store: EventStore
    use_case: str = "credit_risk"
    complaints: list[str] = field(default_factory=list)
    pace: Pace = PACE

    def look(
        self,
        day: float,
        findings: Sequence[Finding],
        *channels: Channel,
        unjudged: Sequence[str] = (),
        model: str = "",
    ) -> list[Incident]:
        at = START + round(day * DAY)
        look = Look(self.use_case, findings, at, unjudged=unjudged, model=model)
        return raise_alerts(self.store, Alerts(channels, pace=self.pace), look, self.complaints.append)

    @property
    def incidents(self) -> list[Incident]:
        return incidents_of(self.store, self.use_case)

    @property
    def steps(self) -> list[str]:
        """The steps of all incidents, as readers of events see them."""
        events = self.store.events(self.use_case, ["incident"])
        steps = [event.body["step"] for event in events]
        return [step for step in steps if step in ("opened", "raised", "recovered")]


@contextmanager
def room(folder: Path) -> Iterator[Room]:
    """Open a room whose events are kept in a folder."""
    with event_store(address(folder)) as store:
        yield Room(store)


def address(folder: Path) -> str:
    """Return where the events of a room are."""
    return f"sqlite:///{folder / 'monitoring.db'}"


def down() -> NotSent:
    """Return the fault of a channel that is down."""
    return NotSent("nobody answers")
