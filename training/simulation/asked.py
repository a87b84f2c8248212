"""What a simulation is asked for, and the dates in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from service.errors import WrongUse
from training.simulation.arrivals import TruthOf
from training.simulation.changes import Change, read_change
from training.simulation.clock import midnight
from training.simulation.following import Delay
from training.use_case import UseCase


@dataclass(frozen=True)
class Asked:
    """What was asked for; None is a default that depends on what there is.

    data: file of past cases, None for the use case's generator. changes: kind and text of each. outcomes_until: date
    from which on nothing more is seen.
    """

    use_case: UseCase
    weeks: int | None = None
    per_day: int = 100
    seed: int | None = None
    start: str | None = None
    data: Path | None = None
    truth: TruthOf | None = None
    changes: tuple[tuple[Change, str], ...] = ()
    delay: Delay = field(default_factory=lambda: Delay(0.0))
    accepted_declines: float = 0.0
    outcomes_until: str | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """The changes as they are kept; raises `WrongUse` for one that cannot be read."""
        for change, text in self.changes:
            read_change(change, text, self.use_case.contract)
        return tuple((str(change), text) for change, text in self.changes)


def moment_of_date(text: str, zone: ZoneInfo) -> int:
    """Return the first microsecond of a day; raises `WrongUse` for what is no date."""
    try:
        return midnight(date.fromisoformat(text), zone)
    except ValueError:
        raise WrongUse(f"{text!r} is no date such as 2026-11-20") from None


def this_midnight(zone: ZoneInfo) -> int:
    """Return the first microsecond of today."""
    return midnight(datetime.now(zone).date(), zone)


def midnight_of_day(day: int, zone: ZoneInfo) -> int:
    """Return the first microsecond of a day, counted from 1 January 1970."""
    return midnight(date(1970, 1, 1) + timedelta(days=day), zone)
