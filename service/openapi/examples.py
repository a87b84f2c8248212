"""Bodies and answers that the document shows: what this very model says about the contract's example record."""

from __future__ import annotations

from typing import Any

from service.openapi.problems import EXAMPLE_DECISION_ID, EXAMPLE_REQUEST_ID
from service.scoring.alternatives import alternatives
from service.scoring.explanation import explain
from service.scoring.policy import Policy
from service.scoring.schema import example_record
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

EXPLANATION_ID = "0b6f4c1e-3a57-7c58-9d43-6f0d8f8c2a72"
OBSERVED_AT = "2026-11-20T00:00:00Z"


def example_bodies(scorer: Scorer) -> dict[str, Any]:
    """Return an example of every body that is taken, by the name of its schema."""
    record, outcome = example_record(scorer.contract), scorer.contract.outcome
    told = {"decision_id": EXAMPLE_DECISION_ID, "outcome": outcome.good[0], "observed_at": OBSERVED_AT}
    why = "Income proven by a payslip of October."
    review = {"decision_id": EXAMPLE_DECISION_ID, "decision": "approve", "reviewer": "m.rojas", "why": why}
    return {
        "Record": record,
        "Bulk": {"records": [record]},
        "Outcomes": {"outcomes": [told]},
        "Review": review,
    }


def example_answers(scorer: Scorer, policy: Policy) -> dict[str, Any]:
    """Return an example of every answer, by the name of its schema; without a valid example record, of fewer."""
    told = {
        "OutcomesAnswer": {
            "results": [{"decision_id": EXAMPLE_DECISION_ID, "status": "recorded", "correction": 0}]
        },
        "ReviewAnswer": {"decision_id": EXAMPLE_DECISION_ID, "review": 1, "status": "recorded"},
    }
    try:
        return {**told, **_scored(scorer, policy)}
    except RecordInvalid:
        return told


def _scored(scorer: Scorer, policy: Policy) -> dict[str, Any]:
    record = example_record(scorer.contract)
    explained = explain(scorer, record, policy).as_json()
    milder = [item.as_json() for item in alternatives(scorer, record, policy)]
    versions = {
        "model": scorer.tag,
        "policy": policy.version,
        "contract": scorer.contract.version,
        "request_id": EXAMPLE_REQUEST_ID,
    }
    decision = {
        "decision_id": EXAMPLE_DECISION_ID,
        "use_case": scorer.contract.use_case,
        **{name: explained[name] for name in ("probability", "decision", "reasons")},
        **versions,
    }
    return {
        "Decision": decision,
        "BulkAnswer": {"results": [decision]},
        "Explanation": {
            **explained,
            "alternatives": milder,
            **versions,
            "explanation_id": EXPLANATION_ID,
        },
    }
