"""From a request's data to its answer and to what the decision log keeps of it, with the scorer in between."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.decision_log import Entry, Kind, Record
from service.online.bodies import parse_body
from service.problems import ProblemError
from service.scoring.findings import Code, Finding
from service.scoring.language import Language
from service.scoring.schema import json_schema
from service.scoring.scorer import ScoredRecord, Scorer
from service.scoring.validation import RecordInvalid

Scored = TypeVar("Scored")

MOST_RECORDS = 1_000
# Every declared field has its finding; of fields that do not exist a few tell enough, and all would be megabytes.
MOST_UNKNOWN = 5
MOST_TOLD = 3
UNKNOWN_FIELD = "(unknown)"


class ReasonAnswer(BaseModel):
    """One reason of a decision."""

    code: str
    feature: str
    text: str


class DecisionAnswer(BaseModel):
    """The decision on one record, and everything needed to repeat it."""

    decision_id: str
    use_case: str
    probability: float = Field(ge=0, le=1, description="P(bad), calibrated")
    decision: str = Field(description="approve, refer or decline")
    reasons: list[ReasonAnswer]
    model: str
    policy: str
    contract: str
    request_id: str


class BulkAnswer(BaseModel):
    """One decision or problem per record, in order."""

    results: list[dict[str, Any]]


class AnyAnswer(BaseModel):
    """An answer that `/docs.json` describes."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, under which id, in which language, and when (microseconds since 1970, UTC)."""

    request_id: str
    key_id: str
    language: Language
    at: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that may be given once its entries are durable.

    refused: fields of refused records, by name if they are the contract's, with the codes of their findings. told: what
    the request's line says of it.
    """

    status: int
    body: Mapping[str, Any]
    entries: tuple[Entry, ...]
    refused: tuple[tuple[str, str], ...] = ()
    told: Mapping[str, Any] | None = None


def bulk_schema(scorer: Scorer) -> dict[str, Any]:
    """Return the JSON Schema of a bulk request."""
    records = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_RECORDS,
        "items": {"type": "object", "title": json_schema(scorer.contract)["title"]},
    }
    return {"type": "object", "properties": {"records": records}, "required": ["records"]}


def decide(scorer: Scorer, body: bytes, asked: Asked) -> Answered:
    """Answer a body that holds one record; raises `ProblemError` for one that cannot be read at all."""
    return _decide_record(scorer, parse_body(body), asked)


def decide_bulk(scorer: Scorer, body: bytes, asked: Asked) -> Answered:
    """Answer `{"records": [...]}` with `{"results": [...]}`; a bad record is a problem in its place.

    What makes the body itself unreadable (no JSON, a field twice, nested too deeply) refuses all of it.

    Raises `ProblemError` when the body is not of that form.
    """
    request = parse_body(body)
    records = request.get("records") if isinstance(request, dict) and set(request) == {"records"} else None
    if not isinstance(records, list) or not 1 <= len(records) <= MOST_RECORDS:
        raise ProblemError(422, f'the body must be {{"records": [...]}} with 1 to {MOST_RECORDS} records')
    answers = [_decide_record(scorer, record, asked) for record in records]
    kinds = Counter(answer.body.get("decision", "refused") for answer in answers)
    return Answered(
        status=200,
        body={"results": [answer.body for answer in answers]},
        entries=tuple(entry for answer in answers for entry in answer.entries),
        refused=tuple(item for answer in answers for item in answer.refused),
        told={"records": len(records), **kinds},
    )


def new_id(at: int) -> str:
    """Return a UUID of version 7 (RFC 9562) for a time in microseconds: ids of one time stand together in an index."""
    random = int.from_bytes(os.urandom(10))
    high = (at // 1000 << 16) | 0x7000 | (random >> 68)
    number = high << 64 | 0b10 << 62 | (random & (1 << 62) - 1)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def now() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def checked_or_refused(
    scorer: Scorer, record: Any, asked: Asked, scoring: Callable[[], Scored]
) -> Scored | Answered:
    """Return what `scoring` makes of a record, or the refusal where it is none or the contract refuses it."""
    if not isinstance(record, dict):
        allowed = "a JSON object with the fields of /schema"
        message = f"a record must be {allowed}, not {_KINDS.get(type(record), 'a number')}"
        return _refused(scorer, [Finding("", Code.TYPE, None, allowed, message)], message, asked)
    try:
        return scoring()
    except RecordInvalid as error:
        return _refused(scorer, _shown(error.findings), _summary(error.findings), asked)


def _decide_record(scorer: Scorer, record: Any, asked: Asked) -> Answered:
    scored = checked_or_refused(scorer, record, asked, lambda: scorer.score(record, language=asked.language))
    if isinstance(scored, Answered):
        return scored
    decision_id = new_id(asked.at)
    body = {
        "decision_id": decision_id,
        "use_case": scorer.contract.use_case,
        "probability": scored.probability,
        "decision": str(scored.decision),
        "reasons": [
            {"code": item.code, "feature": item.feature, "text": item.text} for item in scored.reasons
        ],
        "model": scorer.tag,
        "policy": scorer.policy.version,
        "contract": scorer.contract.version,
        "request_id": asked.request_id,
    }
    entry = scored_entry(scorer, Kind.DECISION, decision_id, record, scored, asked)
    told = {"decision_id": decision_id, "decision": body["decision"]}
    return Answered(200, body, (entry,), told=told)


def scored_entry(
    scorer: Scorer, kind: Kind, about: str, record: Mapping[str, Any], scored: ScoredRecord, asked: Asked
) -> Entry:
    """Return what the log keeps of a scored record: everything that a replay needs, and nothing else."""
    return Entry(
        kind=kind,
        at=asked.at,
        use_case=scorer.contract.use_case,
        about=about,
        probability=scored.probability,
        decision=str(scored.decision),
        model=scorer.tag,
        policy=scorer.policy.version,
        contract=scorer.contract.version,
        request_id=asked.request_id,
        key_id=asked.key_id,
        details={"reasons": [[item.code, item.feature] for item in scored.reasons]},
        record=_parts(scorer, record),
    )


def _shown(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that an answer lists: all of declared fields, and a few of unknown ones."""
    findings = list(findings)
    unknown = [item for item in findings if item.code is Code.UNKNOWN]
    return [*(item for item in findings if item.code is not Code.UNKNOWN), *unknown[:MOST_UNKNOWN]]


def _refused(scorer: Scorer, findings: list[Finding], detail: str, asked: Asked) -> Answered:
    names = scorer.contract.by_name
    refused = tuple(
        (item.field if item.field in names else UNKNOWN_FIELD, str(item.code)) for item in findings
    )
    entry = Entry(
        kind=Kind.REFUSAL,
        at=asked.at,
        use_case=scorer.contract.use_case,
        about=new_id(asked.at),
        model=scorer.tag,
        policy=scorer.policy.version,
        contract=scorer.contract.version,
        request_id=asked.request_id,
        key_id=asked.key_id,
        details={"findings": refused},
    )
    problem = ProblemError(422, detail, findings)
    return Answered(422, problem.as_json(asked.request_id), (entry,), refused)


def _parts(scorer: Scorer, record: Mapping[str, Any]) -> Record:
    contract = scorer.contract
    features, known = contract.feature_names, contract.by_name
    inputs = {name: value for name, value in record.items() if name in features}
    # What the contract ignores is not looked at, and not kept either.
    personal = {name: value for name, value in record.items() if name in known and name not in features}
    subject = {name: value for name in contract.id_names if (value := record.get(name)) is not None}
    return Record(inputs, personal or None, subject or None)


def _summary(findings: Iterable[Finding]) -> str:
    findings = list(findings)
    count = len(findings)
    detail = f"{count} field{'s' if count > 1 else ''} of the record refused: "
    detail += "; ".join(item.message for item in _shown(findings)[:MOST_TOLD])
    return detail + (f"; and {count - MOST_TOLD} more" if count > MOST_TOLD else "")


_KINDS = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
