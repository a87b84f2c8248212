"""From a request body to an answer, with the scorer in between; the online door's translations, without a server."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field

from service.problems import ProblemError
from service.scoring.findings import Code, Finding
from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

MOST_RECORDS = 1_000
# Every declared field has its finding; of fields that do not exist a few tell enough, and all would be megabytes.
MOST_UNKNOWN = 5
MOST_TOLD = 3
# A record holds no lists and no objects; deeper than this, words about it would exhaust the stack.
MOST_LEVELS = 32


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


def bulk_schema(scorer: Scorer) -> dict[str, Any]:
    """Return the JSON Schema of a bulk request."""
    records = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_RECORDS,
        "items": {"type": "object", "title": json_schema(scorer.contract)["title"]},
    }
    return {"type": "object", "properties": {"records": records}, "required": ["records"]}


def decide(scorer: Scorer, body: bytes, request_id: str) -> dict[str, Any]:
    """Return the decision for a body that holds one record; raises `ProblemError`."""
    return _decide_record(scorer, parse_body(body), request_id)


def decide_bulk(scorer: Scorer, body: bytes, request_id: str) -> dict[str, Any]:
    """Return `{"results": [...]}` for `{"records": [...]}`; a bad record is a problem in its place.

    What makes the body itself unreadable (no JSON, a field twice, nested too deeply) refuses all of it.

    Raises `ProblemError` when the body is not of that form.
    """
    request = parse_body(body)
    records = request.get("records") if isinstance(request, dict) and set(request) == {"records"} else None
    if not isinstance(records, list) or not 1 <= len(records) <= MOST_RECORDS:
        raise ProblemError(422, f'the body must be {{"records": [...]}} with 1 to {MOST_RECORDS} records')
    return {"results": [_decide_or_explain(scorer, record, request_id) for record in records]}


def parse_body(body: bytes) -> Any:
    """Parse UTF-8 JSON; NaN, Infinity and numbers too large for float64 come out as floats for the contract to refuse.

    Raises `ProblemError` 400 for what is not JSON, is nested too deeply, or has a field twice.
    """
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ProblemError(400, "the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ProblemError(400, f"the body is not valid JSON: {error}") from None
    except ValueError:
        # Python reads no integer of more than 4,300 digits, lest it take minutes.
        raise ProblemError(400, "the body holds an integer of thousands of digits") from None
    _refuse_depth(parsed)
    return parsed


def _refuse_depth(parsed: Any) -> None:
    level = [parsed]
    for _ in range(MOST_LEVELS):
        level = [child for item in level if isinstance(item, (dict, list)) for child in _children(item)]
        if not level:
            return
    raise ProblemError(400, "the body is nested too deeply")


def _children(item: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ProblemError(400, f"the field {twice[:60]!r} stands twice")
    return found


def _decide_or_explain(scorer: Scorer, record: Any, request_id: str) -> dict[str, Any]:
    try:
        return _decide_record(scorer, record, request_id)
    except ProblemError as problem:
        return problem.as_json(request_id)


def _decide_record(scorer: Scorer, record: Any, request_id: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        allowed = "a JSON object with the fields of /schema"
        message = f"a record must be {allowed}, not {_KINDS.get(type(record), 'a number')}"
        raise ProblemError(422, message, [Finding("", Code.TYPE, None, allowed, message)])
    try:
        scored = scorer.score(record)
    except RecordInvalid as error:
        raise _refused(error) from None
    return {
        "decision_id": str(uuid.uuid4()),
        "use_case": scorer.contract.use_case,
        "probability": scored.probability,
        "decision": str(scored.decision),
        "reasons": [
            {"code": item.code, "feature": item.feature, "text": item.text} for item in scored.reasons
        ],
        "model": scorer.tag,
        "policy": scorer.policy.version,
        "contract": scorer.contract.version,
        "request_id": request_id,
    }


def _refused(error: RecordInvalid) -> ProblemError:
    unknown = [item for item in error.findings if item.code is Code.UNKNOWN]
    known = [item for item in error.findings if item.code is not Code.UNKNOWN]
    shown, count = [*known, *unknown[:MOST_UNKNOWN]], len(error.findings)
    detail = f"{count} field{'s' if count > 1 else ''} of the record refused: "
    detail += "; ".join(item.message for item in shown[:MOST_TOLD])
    if count > MOST_TOLD:
        detail += f"; and {count - MOST_TOLD} more"
    return ProblemError(422, detail, shown)


_KINDS = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
