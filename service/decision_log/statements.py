"""What people say of decisions, field by field: each is read, or refused with a finding, as fields of records are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.scoring.findings import Code, Finding, quote

# Clocks differ: what lies this much in the future has happened, and what lies this much before a decision is after it.
CLOCKS_DIFFER = 300 * 1_000_000
LONGEST_TEXT = 200
# A few fields that do not exist tell enough; all would be megabytes.
MOST_UNKNOWN = 5
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,64}")
_MOMENTS = "a time with its zone, such as 2026-11-20T08:30:00Z"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Teller:
    """Who says it, with which request, and when: microseconds since 1970, UTC."""

    at: int
    key_id: str = ""
    request_id: str = ""


class StatementRefused(Exception):
    """A statement that was not recorded: HTTP status, one sentence, one finding for each field that is wrong."""

    def __init__(self, status: int, detail: str, findings: Sequence[Finding] = ()) -> None:
        self.status = status
        self.detail = detail
        self.findings = tuple(findings)
        super().__init__(detail)


class Fields:
    """The fields of one statement, read one by one; what is wrong is collected."""

    def __init__(self, body: Any, required: Iterable[str], optional: Iterable[str] = ()) -> None:
        """Raise `StatementRefused` for what is no object."""
        if not isinstance(body, Mapping):
            message = f"a JSON object is needed, not {quote(body)}"
            raise StatementRefused(
                422, message, [Finding("", Code.TYPE, quote(body), "a JSON object", message)]
            )
        self._body = body
        self.findings: list[Finding] = []
        allowed = (*required, *optional)
        for name in [name for name in body if name not in allowed][:MOST_UNKNOWN]:
            self.refuse(_shortened(name), Code.UNKNOWN, None, f"one of: {', '.join(allowed)}")
        for name in required:
            if name not in body:
                self.refuse(name, Code.MISSING, None, "given")

    def given(self, name: str) -> bool:
        """Return whether a field is there and not null."""
        return self._body.get(name) is not None

    def value(self, name: str) -> Any:
        """Return a field as it came, None where it is absent."""
        return self._body.get(name)

    def refuse(self, name: str, code: Code, value: object, allowed: str) -> None:
        """Take down what is wrong with a field."""
        words = {
            Code.MISSING: f"{name} is missing",
            Code.UNKNOWN: f"{name} is not a field of this",
            Code.NULL: f"{name} is null; it must be {allowed}",
        }
        message = words.get(code, f"{name}={quote(value)} is not {allowed}")
        seen = None if code in (Code.MISSING, Code.UNKNOWN) else quote(value)
        self.findings.append(Finding(name, code, seen, allowed, message))

    def decision_id(self) -> str:
        """Read the id of a decision."""
        return self._matched("decision_id", _ID, "the id of a decision")

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """Read text that says something; "" where it is refused or absent."""
        return self._matched(
            name, re.compile(rf"(?s)(?=.*\S).{{1,{longest}}}"), f"text of 1 to {longest} characters"
        )

    def moment(self, name: str, now: int) -> int:
        """Read a time that is over, in microseconds since 1970, UTC; 0 where it is refused or absent."""
        text = self._matched(name, _MOMENT, _MOMENTS)
        if not text:
            return 0
        try:
            moment = moment_of(text)
        except (ValueError, OverflowError):
            self.refuse(name, Code.TYPE, text, _MOMENTS)
            return 0
        if moment > now + CLOCKS_DIFFER:
            self.refuse(name, Code.RANGE, text, f"a time that is over; it is now {iso(now)}")
        return moment

    def choice(self, name: str, choices: Sequence[Any]) -> Any:
        """Read one of the choices, a whole number also written as 1.0; None where it is refused or absent."""
        value = self._body.get(name)
        for one in choices:
            if one == value and isinstance(value, bool) == isinstance(one, bool):
                return one
        if name in self._body:
            allowed = "one of: " + ", ".join(map(str, choices))
            self.refuse(name, Code.NULL if value is None else Code.LEVEL, value, allowed)
        return None

    def expect_none_refused(self) -> None:
        """Raise `StatementRefused` with all findings, if there are any."""
        if self.findings:
            raise StatementRefused(422, "; ".join(item.message for item in self.findings), self.findings)

    def _matched(self, name: str, pattern: re.Pattern[str], allowed: str) -> str:
        value = self._body.get(name)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        if name in self._body:
            self.refuse(name, Code.NULL if value is None else Code.TYPE, value, allowed)
        return ""


def is_id(value: Any) -> bool:
    """Return whether a value could be the id of a decision."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def expect_after(name: str, moment: int, decided_at: int) -> None:
    """Raise `StatementRefused` for what is said to have been known before the decision was made."""
    if moment < decided_at - CLOCKS_DIFFER:
        allowed = f"at or after the decision, which was made at {iso(decided_at)}"
        message = f"{name}={iso(moment)} is not {allowed}"
        raise StatementRefused(422, message, [Finding(name, Code.RANGE, iso(moment), allowed, message)])


def iso(moment: int) -> str:
    """Return microseconds since 1970 as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> int:
    """Return what `iso` wrote as microseconds since 1970."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def _shortened(name: Any) -> str:
    text = str(name).encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
