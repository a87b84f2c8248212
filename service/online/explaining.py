"""The answer to "why": every contribution to a probability, and what would change the decision."""

from __future__ import annotations

from service.decision_log import Kind
from service.online.answers import Answered, Asked, checked_or_refused, new_id, scored_entry
from service.online.bodies import parse_body
from service.scoring.alternatives import alternatives
from service.scoring.explanation import explain
from service.scoring.scorer import ScoredRecord, Scorer


def explain_record(scorer: Scorer, body: bytes, asked: Asked) -> Answered:
    """Answer a body that holds one record with its explanation, which is logged as one and counts as no decision.

    Raises `ProblemError` for a body that cannot be read at all.
    """
    record = parse_body(body)
    found = checked_or_refused(
        scorer, record, asked, lambda: explain(scorer, record, language=asked.language)
    )
    if isinstance(found, Answered):
        return found
    explanation_id = new_id(asked.at)
    scored = ScoredRecord(found.probability, found.decision, found.reasons)
    entry = scored_entry(scorer, Kind.EXPLANATION, explanation_id, record, scored, asked)
    body_json = {
        **found.as_json(),
        "alternatives": [item.as_json() for item in alternatives(scorer, record)],
        "model": scorer.tag,
        "policy": scorer.policy.version,
        "contract": scorer.contract.version,
        "request_id": asked.request_id,
        "explanation_id": explanation_id,
    }
    return Answered(200, body_json, (entry,), told={"explanation_id": explanation_id})
