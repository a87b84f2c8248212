"""What a caller wants scored: read from the body of a request, and held against the roots."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from service.online.bodies import parse_body
from service.problems import ProblemError
from service.roots import Roots
from service.scoring.findings import Code, Finding, quote

MOST_ROWS = 10**12
THRESHOLD = r"[0-9]{1,2}([.][0-9]{1,6})?%|100%|[0-9]{1,12}"


@dataclass(frozen=True, slots=True)
class Order:
    """input: file, folder, glob or prefix. output: file, or folder with a slash at its end.

    reasons, keep_columns, max_quarantine, limit: as `python -m service.batch` has them.
    """

    input: str
    output: str
    reasons: bool = False
    keep_columns: bool = False
    max_quarantine: str | None = None
    limit: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the order as a body that asks for it."""
        return asdict(self)

    def to_bytes(self) -> bytes:
        """Return the body of a request that asks for it."""
        return json.dumps(self.to_json()).encode()

    def arguments(self) -> list[str]:
        """Return it as the batch command's arguments, without the model."""
        options = [
            f"--{name.replace('_', '-')}" for name in ("reasons", "keep_columns") if getattr(self, name)
        ]
        if self.max_quarantine is not None:
            options += ["--max-quarantine", self.max_quarantine]
        if self.limit is not None:
            options += ["--limit", str(self.limit)]
        return [self.input, self.output, *options]


def read_order(body: bytes, roots: Roots) -> Order:
    """Return the order of a body; raises `ProblemError`: 400 for no JSON, 422 with one entry for each refused field."""
    given = parse_body(body)
    if not isinstance(given, dict):
        raise ProblemError(422, f"the body must be a JSON object with: {', '.join(_FIELDS)}")
    findings = [
        *(_unknown(name) for name in list(given)[:_MOST_TOLD] if name not in _FIELDS),
        *(found for name in _FIELDS if (found := _finding(name, given, roots)) is not None),
    ]
    if findings:
        raise ProblemError(422, "; ".join(item.message for item in findings), findings)
    return Order(**{name: value for name, value in given.items() if value is not None})


def _finding(name: str, given: Mapping[str, Any], roots: Roots) -> Finding | None:
    allows, allowed = _FIELDS[name]
    if name not in given:
        return _found(name, Code.MISSING, None, allowed) if name in _ADDRESSES else None
    value = given[name]
    if not allows(value):
        return _found(name, Code.TYPE, value, allowed)
    if name in _ADDRESSES and (complaint := roots.complaint(value, wild=name == "input")):
        where = f"an address inside one of: {roots}"
        return Finding(
            name, Code.RANGE, quote(value), where, f"{name}={quote(value)} {complaint}; it must be {where}"
        )
    return None


def _found(name: str, code: Code, value: object, allowed: str) -> Finding:
    seen = "is missing" if code is Code.MISSING else f"{quote(value)} is refused"
    return Finding(name, code, quote(value), allowed, f"{name} {seen}; it must be {allowed}")


def _unknown(name: str) -> Finding:
    allowed, shown = f"one of: {', '.join(_FIELDS)}", quote(name)
    return Finding(shown[1:-1], Code.UNKNOWN, None, allowed, f"{shown} is not {allowed}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_threshold(value: object) -> bool:
    return value is None or (isinstance(value, str) and re.fullmatch(THRESHOLD, value) is not None)


def _is_rows(value: object) -> bool:
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_ROWS
    )


_MOST_TOLD = 20
_ADDRESSES = ("input", "output")
_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "input": (_is_text, "the address of a file, a folder or a glob, as text"),
    "output": (_is_text, "the address of a file or a folder, as text"),
    "reasons": (_is_switch, "true or false"),
    "keep_columns": (_is_switch, "true or false"),
    "max_quarantine": (_is_threshold, "a share of the rows, as '1%', or a number of rows, as '100', or null"),
    "limit": (_is_rows, f"a whole number from 1 to {MOST_ROWS}, or null"),
}
