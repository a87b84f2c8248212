"""Days of a time zone: when they begin, and at which moments of them a clock shows what."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from training.simulation.population import DAY_SECONDS, Numbers

UTC = ZoneInfo("UTC")


def date_of(moment: int, zone: ZoneInfo) -> date:
    """Return the day of a moment in microseconds since 1970."""
    return datetime.fromtimestamp(moment / 1e6, zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return the first microsecond of a day."""
    return int(datetime.combine(day, time(), zone).timestamp()) * 1_000_000


def midnight_after(start: int, days: int, zone: ZoneInfo) -> int:
    """Return the first microsecond of the day so many days after that of `start`; not every day has 24 hours."""
    return midnight(date_of(start, zone) + timedelta(days=days), zone)


def on_clock(start: int, since_midnight: Numbers, zone: ZoneInfo) -> Numbers:
    """Return the moments (rows,) of the day beginning at `start` at which clocks show so many microseconds.

    A time that clocks leave out on that day is the one an hour later; of one that they show twice it is the first.
    """
    if midnight_after(start, 1, zone) - midnight_after(start, 0, zone) == DAY_SECONDS * 1_000_000:
        return start + since_midnight
    first = datetime.combine(date_of(start, zone), time())
    shown = [first + timedelta(microseconds=item) for item in since_midnight.tolist()]
    return np.array([round(item.replace(tzinfo=zone).timestamp() * 1e6) for item in shown], np.int64)
