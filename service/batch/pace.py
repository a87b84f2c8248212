"""How fast a run is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.batch.step import Step

# Before so much of the work is done, what is left of it is a guess.
_KNOWN_SHARE, _KNOWN_SECONDS = 0.01, 1.0


@dataclass
class Pace:
    """Takes in the steps of a run as they are told, and puts them into words; `clock` is in seconds."""

    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    step: Step | None = None
    _first: tuple[float, int, float] | None = None

    def __post_init__(self) -> None:
        self.began = self.clock()

    def take(self, step: Step) -> None:
        """Take in how far the run is."""
        self.step = step
        if self._first is None:
            self._first = self.clock(), step.tally.rows_in, step.share

    @property
    def rows_per_second(self) -> float | None:
        """Rows of this run per second since the first were done, None before the second step."""
        if self.step is None or self._first is None:
            return None
        since, rows, _ = self._first
        done = self.step.tally.rows_in - rows
        return done / max(self.clock() - since, 1e-9) if done else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is scored if it goes on as so far, None while that cannot be told."""
        if self.step is None or self._first is None:
            return None
        since, _, share = self._first
        done, seconds = self.step.share - share, self.clock() - since
        if done < _KNOWN_SHARE or seconds < _KNOWN_SECONDS:
            return None
        return (1.0 - self.step.share) * seconds / done

    @property
    def words(self) -> str:
        """How far the run is, in one line."""
        if self.step is None:
            return "looking at the inputs"
        tally, rate, left = self.step.tally, self.rows_per_second, self.seconds_left
        words = [f"{tally.rows_in:,} rows", f"{tally.rows_quarantined:,} refused"]
        if rate is not None:
            words.append(f"{rate:,.0f} rows/s")
        # Of a pipe nobody knows how much is yet to come.
        if self.step.share:
            words.append(f"{int(self.step.share * 100)} %")
        if left is not None:
            words.append(f"about {duration(left)} left")
        return ", ".join(words)

    def as_json(self) -> dict[str, Any] | None:
        """How far the run is, as JSON data; None before the first rows are done."""
        if self.step is None:
            return None
        tally, rate, left = self.step.tally, self.rows_per_second, self.seconds_left
        return {
            "rows_in": tally.rows_in,
            "rows_scored": tally.rows_scored,
            "rows_quarantined": tally.rows_quarantined,
            "inputs_done": self.step.inputs_done,
            "inputs": self.step.inputs,
            "share": round(self.step.share, 4),
            "rows_per_second": None if rate is None else round(rate),
            "seconds_left": None if left is None else round(left),
        }


def duration(seconds: float) -> str:
    """Return a time as people say it: `8 s`, `12 min`, `3 h 20 min`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
