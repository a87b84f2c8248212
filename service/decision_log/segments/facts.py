"""What the log says of a segment: which decisions it holds, how they were made, and how to tell it unaltered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from service.decision_log.entries import Entry, Kind


@dataclass(frozen=True, slots=True)
class Heading:
    """What is known of a segment before its first row is scored; plain data.

    id: 16 hex digits. text: whether cells of its records are text, as in a CSV file. input_name, input_digest: the
    file that it is of, and its SHA-256 or whatever else tells its content. first_row: of that file, counted from 1.
    """

    id: str
    model: str
    policy: str
    contract: str
    input_name: str
    input_digest: str
    first_row: int
    text: bool

    @property
    def use_case(self) -> str:
        """The use case, which the model's tag begins with."""
        return self.model.partition(":")[0]


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What a segment turned out to hold; plain data.

    sha256, size: of the file. rows: scored, each with its decision. quarantined: rows of the input's stretch that were
    refused. decisions: rows by decision. scores: rows by P(bad), between the borders of the profile's score.
    reasons: whether reasons were computed. parts: of records, that are there. answers: see `answers`. by_row: see
    `by_row`.
    """

    heading: Heading
    sha256: str
    size: int
    rows: int
    quarantined: int
    decisions: Mapping[str, int]
    scores: Sequence[int]
    reasons: bool
    parts: Sequence[str]
    answers: str
    by_row: str

    @property
    def id(self) -> str:
        """The segment's id; `id-row` is the id of one of its decisions."""
        return self.heading.id

    @property
    def rows_in(self) -> int:
        """How many rows of the input the segment is about."""
        return self.rows + self.quarantined

    @property
    def file(self) -> str:
        """The name of the file as it was registered, within the place of segments."""
        return file_name(self.heading.use_case, self.id, self.sha256)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Any) -> SegmentFacts:
        """Read what `to_json` returned, also after JSON; raises `ValueError` for data of another shape."""
        heading = _plain(Heading, body.get("heading") if isinstance(body, dict) else None)
        found = _plain(cls, {**body, "heading": Heading(**heading)})
        return cls(**found)

    def entry(self, at: int) -> Entry:
        """Return the entry that registers the segment; at: microseconds since 1970, UTC."""
        heading = self.heading
        details = self.to_json() | {"file": self.file}
        return Entry(
            kind=Kind.SEGMENT,
            at=at,
            use_case=heading.use_case,
            about=self.id,
            model=heading.model,
            policy=heading.policy,
            contract=heading.contract,
            details=details,
        )


def file_name(use_case: str, segment: str, sha256: str) -> str:
    """Return where a segment's file is, within the place of segments.

    It is named by its content, because an erasure puts another in its place: nothing is ever overwritten, and which
    of two files holds good is what the log says.
    """
    return f"{use_case}/{segment}-{sha256[:16]}.parquet"


def _plain(kind: type, body: Any) -> dict[str, Any]:
    """Return the fields of a dataclass among JSON data, each of the type that it is declared with."""
    found = {}
    for item in fields(kind):
        value = body.get(item.name) if isinstance(body, dict) else None
        if not isinstance(value, _TYPES[str(item.type)]) or isinstance(value, bool) != (item.type == "bool"):
            raise ValueError(f"{item.name}={value!r:.80} is no {item.type}")
        found[item.name] = value
    return found


_TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "Mapping[str, int]": dict,
    "Sequence[int]": (list, tuple),
    "Sequence[str]": (list, tuple),
    "Heading": Heading,
}
