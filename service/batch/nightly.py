"""The day that a nightly run is about."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.batch.asked import Asked
from service.errors import WrongUse

# {date}, or in other words of it: {date:%Y/%m/%d}.
_PLACEHOLDER = re.compile(r"\{date(?::([^{}]*))?\}")


def for_its_day(asked: Asked, time_zone: str, now: datetime) -> tuple[Asked, date | None]:
    """Return what was asked with its day in the place of each `{date}`, and the day; None where there is none.

    now: with its zone. Without --date it is yesterday in --time-zone, or else in `time_zone`. Raises `WrongUse` for
    a day or zone that does not exist, and where one is given and nothing depends on it.
    """
    if not (is_dated(asked.source) or is_dated(asked.target)):
        for flag, given in (("--date", asked.date), ("--time-zone", asked.time_zone)):
            if given is not None:
                raise WrongUse(f"{flag} {given} says nothing: there is no {{date}} in INPUT or OUTPUT")
        return asked, None
    day = _yesterday(asked.time_zone or time_zone, now) if asked.date is None else _day(asked.date)
    return replace(asked, source=_filled(asked.source, day), target=_filled(asked.target, day)), day


def is_dated(text: str) -> bool:
    """Return whether the text has a `{date}`."""
    return _PLACEHOLDER.search(text) is not None


def _filled(text: str, day: date) -> str:
    return _PLACEHOLDER.sub(lambda found: day.strftime(found[1] or "%Y-%m-%d"), text)


def _yesterday(time_zone: str, now: datetime) -> date:
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongUse(
            f"{time_zone!r} is no time zone that is known here; name one such as Europe/Madrid or UTC"
        ) from None
    return now.astimezone(zone).date() - timedelta(days=1)


def _day(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--date {text!r} is no day such as 2026-11-20") from None
