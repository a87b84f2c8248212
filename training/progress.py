"""How far a training is, for whoever waits."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with what has just been done, and the share of the whole that is done, from 0 to 1."""

    def __call__(self, message: str, share: float) -> None:
        """Take note of a step."""


def silent(message: str, share: float) -> None:
    """Tell nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress whose 0 to 1 is `start` to `end` of the given one."""
    return lambda message, share: progress(message, start + share * (end - start))
