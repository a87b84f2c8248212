"""What every channel is."""

from __future__ import annotations

from typing import Protocol

from training.alerts.finding import Severity
from training.alerts.message import Message


class NotSent(Exception):
    """A message that did not get through. down: whether the next message would fare no better."""

    def __init__(self, why: str, *, down: bool = True) -> None:
        super().__init__(why)
        self.down = down


class Channel(Protocol):
    """A way to people. name: its own among all channels, and the same from look to look, for what it was told is kept
    under that name. lowest: incidents that never were as severe are not told through it."""

    @property
    def name(self) -> str:
        """Letters, digits, dots, dashes and underscores."""
        ...

    @property
    def lowest(self) -> Severity:
        """The lowest severity that it is told of."""
        ...

    def send(self, message: Message) -> str:
        """Send a message and return what was answered, in few words; raises `NotSent`."""
        ...
