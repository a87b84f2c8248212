"""What one look at a use case found wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from training.alerts.one_line import one_line

Severity: TypeAlias = Literal["warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "critical")
# Kinds that speak of one model: another one has nothing to do with them.
OF_A_MODEL = ("calibration", "ranking")
_LONGEST_KEY, _LONGEST_TITLE, _LONGEST_TEXT = 300, 200, 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `key` names it and is the same from look to look, such as `drift:person_income`.

    What stands before the key's first colon is its kind. title: for a person, one line. figures: the evidence, as JSON.
    """

    key: str
    severity: Severity
    title: str
    figures: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as it is recorded: texts on one line, numbers that are none as null."""
        return {
            "key": one_line(self.key, _LONGEST_KEY),
            "severity": self.severity,
            "title": one_line(self.title, _LONGEST_TITLE),
            "figures": _plain(self.figures),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Finding:
        """Return a recorded finding."""
        return cls(body["key"], body["severity"], body["title"], body["figures"])


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a use case, at a moment in µs UTC; the same moment said twice is one look.

    unjudged: kinds of findings that this look could not judge, such as calibration with nothing matured: their absence
    says nothing. measures: figures for CloudWatch, by the names in `metrics.METRICS`. model: the tag of the one that
    was looked at; empty: not said, and no incident ends because of it.
    """

    use_case: str
    findings: Sequence[Finding]
    at: int
    measures: Mapping[str, float] = field(default_factory=dict)
    unjudged: Sequence[str] = ()
    model: str = ""


def kind_of(key: str) -> str:
    """Return the kind of a finding by its key."""
    return key.partition(":")[0]


def more_severe(one: Severity, other: Severity) -> Severity:
    """Return the more severe of two."""
    return max(one, other, key=SEVERITIES.index)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        # A scalar of numpy's.
        value = value.item()
    if isinstance(value, Mapping):
        return {one_line(str(name), _LONGEST_TITLE): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    return one_line(str(value), _LONGEST_TEXT)
