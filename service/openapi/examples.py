"""Bodies and answers that the document shows: what this very model says about the contract's example record."""

from __future__ import annotations

from typing import Any

from service.openapi.problems import EXAMPLE_REQUEST_ID
from service.scoring.policy import Decision, Policy
from service.scoring.schema import example_record
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

DECISION_ID = "0b6f4c1e-3a57-4c58-9d43-6f0d8f8c2a71"
OBSERVED_AT = "2026-11-20T00:00:00Z"


def example_bodies(scorer: Scorer) -> dict[str, Any]:
    """Return an example of every body that is taken, by the name of its schema."""
    record, outcome = example_record(scorer.contract), scorer.contract.outcome
    told = {"decision_id": DECISION_ID, "outcome": outcome.good[0], "observed_at": OBSERVED_AT}
    why = "Income proven by a payslip of October."
    review = {"decision_id": DECISION_ID, "decision": "approve", "reviewer": "m.rojas", "why": why}
    return {
        "Record": record,
        "Bulk": {"records": [record]},
        "Outcomes": {"outcomes": [told]},
        "Review": review,
    }


def example_answers(scorer: Scorer, policy: Policy) -> dict[str, Any]:
    """Return an example of every answer, by the name of its schema; without a valid example record, of fewer."""
    told = {
        "OutcomesAnswer": {"results": [{"decision_id": DECISION_ID, "status": "recorded", "correction": 0}]},
        "ReviewAnswer": {"decision_id": DECISION_ID, "review": 1, "status": "recorded"},
    }
    decision = _decision(scorer, policy)
    return {**told, "Decision": decision, "BulkAnswer": {"results": [decision]}} if decision else told


def _decision(scorer: Scorer, policy: Policy) -> dict[str, Any]:
    record = example_record(scorer.contract)
    try:
        row = scorer.encoder.encode_record(scorer.validator.check_record(record))
    except RecordInvalid:
        return {}
    probability = scorer.calibrator.probability(scorer.predictor.score_one(row))
    decision = policy.decide(probability)
    reasons = () if decision is Decision.APPROVE else scorer.reasons_of(row)
    return {
        "decision_id": DECISION_ID,
        "use_case": scorer.contract.use_case,
        "probability": probability,
        "decision": str(decision),
        "reasons": [{"code": item.code, "feature": item.feature, "text": item.text} for item in reasons],
        "model": scorer.tag,
        "policy": policy.version,
        "contract": scorer.contract.version,
        "request_id": EXAMPLE_REQUEST_ID,
    }
