"""What came of the requests: every latency is kept, so that percentiles are exact."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

MOST_WRONG = 100


class Kind(StrEnum):
    """How a request ended; only `answered` is good, and `limited` (429) is counted apart from errors."""

    ANSWERED = "answered"
    LIMITED = "told to come back"
    REFUSED = "refused"
    FAILED = "failed"
    WRONG = "answered wrongly"
    BROKEN = "no answer"
    TIMED_OUT = "timed out"


@dataclass
class Group:
    """Requests of one label and path: `due` since the run began and `took` since due, in seconds.

    A request without a good answer took infinitely long: a service that fails fast must not look fast. One that was
    told to come back stands in the count of kinds alone.
    """

    due: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))
    kinds: Counter[Kind] = field(default_factory=Counter)

    def add(self, due: float, took: float, kind: Kind) -> None:
        """Count a request that was due then and ended so."""
        self.kinds[kind] += 1
        if kind is not Kind.LIMITED:
            self.due.append(due)
            self.took.append(took if kind is Kind.ANSWERED else math.inf)

    def __add__(self, other: Group) -> Group:
        return Group(self.due + other.due, self.took + other.took, self.kinds + other.kinds)

    @property
    def requests(self) -> int:
        return self.kinds.total()

    @property
    def errors(self) -> int:
        return self.requests - self.kinds[Kind.ANSWERED] - self.kinds[Kind.LIMITED]

    def answered_by(self, moment: float) -> int:
        """Return how many had their good answer by then."""
        return sum(due + took <= moment for due, took in zip(self.due, self.took, strict=True))


@dataclass
class Samples:
    """All requests of a run by label and path; how late the generator sent them; when each label began and ended.

    wrong: what went wrong, by path and in the words of the service, and how often.
    """

    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    late: dict[str, array[float]] = field(default_factory=dict)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, label: str, path: str, due: float, took: float, kind: Kind) -> None:
        """Count a request."""
        self.groups.setdefault((label, path), Group()).add(due, took, kind)

    def began_late(self, label: str, seconds: float) -> None:
        """Count by how much the generator itself missed the moment at which a request was due."""
        self.late.setdefault(label, array("d")).append(seconds)

    def went_wrong(self, path: str, told: str) -> None:
        """Count what went wrong; the first so many different things are enough."""
        if told and ((path, told) in self.wrong or len(self.wrong) < MOST_WRONG):
            self.wrong[path, told] += 1

    def lasted(self, label: str, begin: float, end: float) -> None:
        """Note when a label's requests were due; a label that comes again lasts from its first time to its last."""
        known = self.spans.get(label, (begin, end))
        self.spans[label] = (min(known[0], begin), max(known[1], end))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.spans)

    def of(self, label: str) -> Group:
        """Return all requests of a label."""
        found = [group for (name, _), group in self.groups.items() if name == label]
        return sum(found, Group())


def quantile(values: array[float], share: float) -> float:
    """Return the smallest value that so large a share of the values does not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else math.nan
