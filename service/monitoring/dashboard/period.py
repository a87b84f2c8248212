"""The days that a dashboard is asked for, and those that it shows when it is not told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from service.problems import ProblemError
from service.scoring.findings import Code, Finding, quote

USUAL_DAYS, MOST_DAYS = 30, 400
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
PARAMETERS = ("from", "until")
# A few that do not exist tell enough.
MOST_PARAMETERS = 5
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC, from the first to the last, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[int]:
        """The days, counted from 1970."""
        first = (self.first - _EPOCH).days
        return list(range(first, first + (self.last - self.first).days + 1))


def last_days(count: int, now: int) -> Period:
    """Return so many days up to today; now: microseconds since 1970, UTC."""
    today = datetime.fromtimestamp(now / 1e6, UTC).date()
    return Period(today - timedelta(count - 1), today)


def name_of(day: int) -> str:
    """Return a day, counted from 1970, as 2026-11-21."""
    return str(_EPOCH + timedelta(day))


def monday_of(day: int) -> int:
    """Return the first day of a day's week."""
    # The first of January 1970 was a Thursday.
    return day - (day + 3) % 7


def read_period(query: Sequence[tuple[str, str]], now: int) -> Period:
    """Read `from` and `until`, of which either may be left out: 30 days then, up to today or to `until`.

    query: names and values as they were sent. now: microseconds since 1970, UTC. Raises `ProblemError` 422 with a
    finding for each that is wrong.
    """
    findings: list[Finding] = []
    given: dict[str, date | None] = {}
    for name, text in query[:MOST_PARAMETERS]:
        if name not in PARAMETERS or name in given:
            allowed = f"one of: {', '.join(PARAMETERS)}, each once"
            findings.append(
                Finding(quote(name)[1:-1], Code.UNKNOWN, None, allowed, f"{quote(name)} is not {allowed}")
            )
        else:
            given[name] = _day(name, text, findings)
    _expect_none(findings)
    first, last = given.get("from"), given.get("until")
    if last is None:
        today = last_days(1, now).last
        last = today if first is None else min(max(today, first), first + timedelta(MOST_DAYS - 1))
    if first is None:
        first = max(last - timedelta(USUAL_DAYS - 1), EARLIEST)
    if not timedelta(0) <= last - first < timedelta(MOST_DAYS):
        allowed = (
            f"a day from {first} to {first + timedelta(MOST_DAYS - 1)}, at most {MOST_DAYS} days from `from`"
        )
        _expect_none([_finding("until", str(last), allowed, Code.RANGE)])
    return Period(first, last)


def _day(name: str, text: str, findings: list[Finding]) -> date | None:
    allowed = f"a day as 2026-11-21, from {EARLIEST} to {LATEST}"
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        findings.append(_finding(name, text, allowed, Code.TYPE))
    elif not EARLIEST <= day <= LATEST:
        findings.append(_finding(name, text, allowed, Code.RANGE))
    return day


def _finding(name: str, text: str, allowed: str, code: Code) -> Finding:
    seen = quote(text)
    return Finding(name, code, seen, allowed, f"{name}={seen} is not {allowed}")


def _expect_none(findings: list[Finding]) -> None:
    if findings:
        raise ProblemError(422, "; ".join(item.message for item in findings), findings)
