"""What the decision log holds: one entry for every decision answered, and for whatever is said of it later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What an entry says.

    decision, explanation: answered to a caller. refusal: a record that failed validation, with the findings' fields
    and codes only. outcome, review, erasure: said later of an entry. shadow: another bundle's answer, given to nobody.
    segment: the decisions of a batch run, in a file of their own.
    """

    DECISION = "decision"
    EXPLANATION = "explanation"
    REFUSAL = "refusal"
    OUTCOME = "outcome"
    REVIEW = "review"
    ERASURE = "erasure"
    SHADOW = "shadow"
    SEGMENT = "segment"


class Part(StrEnum):
    """The two halves of a logged record, each of which can be erased without the other."""

    INPUTS = "inputs"
    PERSONAL = "personal"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was received, in two parts.

    inputs: the model's features. personal: id, protected and time columns. subject: the id columns alone, by which a
    person's records are found again; it is kept with `personal` and erased with it.
    """

    inputs: Mapping[str, Any] | None = None
    personal: Mapping[str, Any] | None = None
    subject: Mapping[str, Any] | None = None


NO_RECORD = Record()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, before the log gives it its place in a chain.

    at: microseconds since 1970, UTC. about: the id of the decision, or a new id for what is about none.
    probability: P(bad). key_id: the name of the caller's API key, "" without one. details: JSON data (reasons,
    findings, outcomes, ...) that hold no value of a record, because they can never be erased.
    """

    kind: Kind
    at: int
    use_case: str
    about: str
    probability: float | None = None
    decision: str | None = None
    model: str = ""
    policy: str = ""
    contract: str = ""
    request_id: str = ""
    key_id: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    record: Record = NO_RECORD


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key that a request claims.

    scope: the API key's id and the path. key: SHA-256 of the `Idempotency-Key`. body: SHA-256 of the request's body.
    """

    scope: str
    key: bytes
    body: bytes


def canonical(body: Any) -> str:
    """Render JSON the one way the log keeps it: sorted keys, no spaces, ASCII; raises `ValueError` for NaN.

    ASCII, because PostgreSQL's text holds neither NUL nor half a surrogate pair, and a caller's JSON may hold both.
    """
    return _ENCODER.encode(body)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
