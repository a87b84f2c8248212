"""The two stretches of time that drift is told from: the analysis, and the reference before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.decision_log.decided import Span
from service.decision_log.statements import iso
from service.errors import WrongUse

ANALYSIS_DAYS, REFERENCE_DAYS = 7, 90
# Fewer decisions say nothing that would be worth acting on.
MINIMUM_RECORDS = 120
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS = "a day such as 2026-11-14 or a time such as 2026-11-14T08:30:00Z, from 1971 on"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, in microseconds since 1970, UTC; `until` is exclusive. Raises `WrongUse` for an empty one."""

    since: int
    until: int

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise WrongUse(
                f"the window from {iso(self.since)} until {iso(self.until)} holds no time; "
                "its beginning must lie before its end"
            )

    @property
    def span(self) -> Span:
        """The window as the decision log asks for it."""
        return Span(self.since, self.until)

    def to_json(self) -> dict[str, str]:
        """Return both ends as ISO 8601 in UTC."""
        return {"from": iso(self.since), "until": iso(self.until)}


@dataclass(frozen=True, slots=True)
class Windows:
    """What is looked at, and what it is compared with; raises `WrongUse` where the second does not lie before."""

    analysis: Window
    reference: Window

    def __post_init__(self) -> None:
        if self.reference.until > self.analysis.since:
            raise WrongUse(
                f"the reference ends at {iso(self.reference.until)}, after the analysis begins at "
                f"{iso(self.analysis.since)}; what is compared must not overlap"
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which windows somebody wants, in his words; None for what follows from the rest.

    since and until: days, or times; without a zone on the clock of the time zone. days and reference_days: lengths.
    """

    since: str | None = None
    until: str | None = None
    days: int | None = None
    reference_days: int = REFERENCE_DAYS

    @property
    def is_default(self) -> bool:
        """Whether nothing was asked for but the usual windows."""
        return self == Wanted()


def windows_of(wanted: Wanted, now: int, time_zone: str) -> Windows:
    """Return the windows that are wanted; by default the last 7 days, and the 90 before them.

    A day begins at midnight of the time zone, and so many days before a moment the clock shows the same: where the
    clocks change in between, a window is an hour longer or shorter. What lies ahead is cut off. now: microseconds since
    1970, UTC. Raises `WrongUse` for what is no time or zone, and for an analysis that is empty, ends before it begins
    or lies ahead.
    """
    zone = _zone(time_zone)
    if wanted.since and wanted.until and wanted.days:
        raise WrongUse("--from, --until and --days: two of them say it all; leave one out")
    since, until = (
        None if text is None else _moment(option, text, zone)
        for option, text in (("--from", wanted.since), ("--until", wanted.until))
    )
    if since is None:
        end = now if until is None else until
        since = _shifted(end, -(wanted.days or ANALYSIS_DAYS), zone)
    elif until is None:
        end = _shifted(since, wanted.days, zone) if wanted.days else now
    else:
        end = until
    if since >= now:
        raise WrongUse(
            f"the analysis would begin at {iso(since)}, and it is {iso(now)}: nothing is decided yet"
        )
    if since >= end:
        raise WrongUse(
            f"--from {iso(since)} is not before --until {iso(end)}; exchange them, or leave one out"
        )
    return Windows(Window(since, min(end, now)), Window(_shifted(since, -wanted.reference_days, zone), since))


def _shifted(moment: int, days: int, zone: ZoneInfo) -> int:
    """Return when the clock shows the same so many days later."""
    local = (_EPOCH + moment * _MICROSECOND).astimezone(zone)
    return _microseconds((local + timedelta(days=days)).replace(fold=0))


def _moment(option: str, text: str, zone: ZoneInfo) -> int:
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError
        found = datetime.fromisoformat(text)
        if found.year < 1971:
            raise ValueError
    except ValueError:
        raise WrongUse(f"{option} {text!r} is not {_MOMENTS}") from None
    return _microseconds(found.replace(tzinfo=zone) if found.tzinfo is None else found)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongUse(
            f"AVAL_TIME_ZONE={name!r} is no time zone that is known here; name one such as Europe/Madrid or UTC"
        ) from None
