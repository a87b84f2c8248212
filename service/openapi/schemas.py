"""The bodies that go in and come out at the online door, as JSON Schemas of the OpenAPI document's components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.decision_log.outcomes import Status
from service.decision_log.reviews import LONGEST_WHY
from service.decision_log.statements import LONGEST_TEXT
from service.online.answers import MOST_RECORDS
from service.scoring.contract import Contract
from service.scoring.findings import Code
from service.scoring.policy import DECISIONS
from service.scoring.reasons import MOST_REASONS
from service.scoring.schema import json_schema

Schema = dict[str, Any]
_STATUS: Schema = {"enum": [str(status) for status in Status]}
# RFC 3339, with its zone: a time that leaves the zone open is no moment.
MOMENT = (
    "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,6})?"
    "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


def reference(name: str) -> Schema:
    """Return the reference to a schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(contract: Contract) -> dict[str, Schema]:
    """Return every named schema of the document."""
    return {
        "Record": json_schema(contract),
        **_decisions(contract),
        **_explanations(),
        **_outcomes(contract),
        **_reviews(),
        "ModelMetadata": _metadata(),
        "Problem": _problem(),
        "FieldError": _field_error(),
    }


def _decisions(contract: Contract) -> dict[str, Schema]:
    decision = {
        "decision_id": _text("names this decision in the log, in outcomes and in reviews", format="uuid"),
        "use_case": {"const": contract.use_case},
        "probability": _probability(),
        "decision": _decision(),
        "reasons": _list(reference("Reason"), "empty when approved; the strongest first", most=MOST_REASONS),
        **_versions(),
        "request_id": _text("the id of the request, as in `X-Request-ID`"),
    }
    result = {"anyOf": [reference("Decision"), reference("Problem")]}
    return {
        "Bulk": _closed({"records": _many("Record", "record")}),
        "Decision": _object(decision),
        "BulkAnswer": _object({"results": _list(result, "one per record, in order", least=1)}),
        "Reason": _object(
            {
                "code": _text("the declared code, the same in every language"),
                "feature": _text("the input that raised the risk most under this code"),
                "text": _text("the declared sentence, in the language asked for"),
            }
        ),
    }


def _explanations() -> dict[str, Schema]:
    return {"Explanation": _object(_explanation()), **_parts_of_explanations()}


def _parts_of_explanations() -> dict[str, Schema]:
    contribution = {
        "feature": _text("name of the input"),
        "value": _scalar("the record's value"),
        "typical": _scalar("the value of the typical approved record"),
        "contribution": {"type": "number", "description": "what the input adds to the log-odds of bad"},
        "code": _text("the reason code that the input counts under"),
    }
    alternative = {
        "feature": _text("the one field that is changed"),
        "value": _scalar("its other value"),
        "probability": _probability(),
        "decision": _decision(),
        "also": {
            "type": "object",
            "additionalProperties": _scalar("its value"),
            "description": "fields that follow from the changed one, such as a ratio, and their values then",
        },
    }
    return {"Contribution": _object(contribution), "Alternative": _object(alternative)}


def _explanation() -> dict[str, Schema]:
    return {
        "explanation_id": _text("names this explanation in the log", format="uuid"),
        "probability": _probability(),
        "decision": _decision(),
        "log_odds": {"type": "number", "description": "log-odds of the probability"},
        "typical_log_odds": {"type": "number", "description": "log-odds of the typical approved record"},
        "contributions": _list(
            reference("Contribution"), "one per input; they add up to `log_odds` - `typical_log_odds`"
        ),
        "reasons": _list(reference("Reason"), "empty when approved", most=MOST_REASONS),
        "alternatives": _list(
            reference("Alternative"), "single fields whose other value makes the decision milder"
        ),
        "rule": _text("how the contributions were made, in words, in the language asked for"),
        **_versions(),
        "request_id": _text("the id of the request, as in `X-Request-ID`"),
    }


def _outcomes(contract: Contract) -> dict[str, Schema]:
    outcome = contract.outcome
    sent = {
        "decision_id": _identifier("the decision that it belongs to"),
        "outcome": {
            "enum": [*outcome.bad, *outcome.good],
            "description": outcome.description or f"what really happened, as in the column {outcome.name}",
        },
        "observed_at": _text(
            "when it was known, with the zone; not in the future, nor before the decision", pattern=MOMENT
        ),
    }
    source = _said("where it was learnt", LONGEST_TEXT, optional=True)
    recorded = {
        "decision_id": _text("the decision that it belongs to"),
        "status": {
            **_STATUS,
            "description": "`unchanged`: it was known already; `corrected`: another one was, and both are kept",
        },
        "correction": {"type": "integer", "minimum": 0, "description": "how often it has been corrected"},
    }
    result = {"anyOf": [reference("OutcomeRecorded"), reference("Problem")]}
    return {
        "Outcomes": _closed({"outcomes": _many("Outcome", "outcome")}),
        "Outcome": _closed({**sent, "source": source}, required=tuple(sent)),
        "OutcomesAnswer": _object({"results": _list(result, "one per outcome, in order", least=1)}),
        "OutcomeRecorded": _object(recorded),
    }


def _reviews() -> dict[str, Schema]:
    sent = {
        "decision_id": _identifier("the decision that was reviewed"),
        "decision": {"enum": ["approve", "decline"], "description": "what the person decided"},
        "reviewer": _said("who decided", LONGEST_TEXT),
        "why": _said("what it was decided on", LONGEST_WHY),
    }
    more = {
        "reviewed_at": {
            **_text("when, with the zone; not in the future; now where it is left out", pattern=MOMENT),
            "type": ["string", "null"],
        },
        "override": {
            "type": ["boolean", "null"],
            "description": "true to decide against what was approved or declined; only what was referred waits for it",
        },
    }
    answer = {
        "decision_id": _text("the decision that was reviewed"),
        "review": {"type": "integer", "minimum": 1, "description": "the how-manieth review of it"},
        "status": {**_STATUS, "description": "`unchanged`: it was told already; `corrected`: all are kept"},
    }
    return {
        "Review": _closed({**sent, **more}, required=tuple(sent)),
        "ReviewAnswer": _object(answer),
    }


def _metadata() -> Schema:
    return _object(
        {
            "use_case": _text("name of the use case"),
            "title": _text("what it is for"),
            "model": _text("`use_case:version` of the bundle"),
            "policy": {"type": "object", "description": "version and cut-offs of the policy"},
            "contract": _text("version of the contract"),
            "inputs": _list({"type": "string"}, "what reaches the model, in its order"),
        }
    )


def _problem() -> Schema:
    properties = {
        "type": _text("`about:blank`: the status says what kind it is"),
        "title": _text("the status in words"),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _text("what was wrong, and what to do"),
        "request_id": _text("the id of the request, as in `X-Request-ID`"),
    }
    errors = _list(reference("FieldError"), "one per refused field, where it is about fields", least=1)
    described = "What went wrong (RFC 9457, problem details)."
    return {
        **_object({**properties, "errors": errors}, required=tuple(properties)),
        "description": described,
    }


def _field_error() -> Schema:
    return _object(
        {
            "field": _text("name of the field; empty for the record itself"),
            "code": {"enum": [str(code) for code in Code]},
            "value": {"type": ["string", "null"], "description": "what was sent, shortened"},
            "allowed": _text("what is allowed, in words"),
            "message": _text("all of it in one sentence"),
        }
    )


def _versions() -> dict[str, Schema]:
    return {
        "model": _text("`use_case:version` of the bundle"),
        "policy": _text("version of the policy"),
        "contract": _text("version of the contract"),
    }


def _many(name: str, one: str) -> Schema:
    # A bad one is answered by a problem in its place, so that anything at all is taken here.
    other = {"description": "Anything else, which is answered by a problem in its place."}
    return _list({"anyOf": [reference(name), other]}, f"{one}s", least=1, most=MOST_RECORDS)


def _object(properties: dict[str, Schema], required: Sequence[str] | None = None) -> Schema:
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": properties, "required": names}


def _closed(properties: dict[str, Schema], required: Sequence[str] | None = None) -> Schema:
    return {**_object(properties, required), "additionalProperties": False}


def _list(items: Schema, description: str, least: int = 0, most: int | None = None) -> Schema:
    limits = {"minItems": least or None, "maxItems": most}
    given = {name: value for name, value in limits.items() if value is not None}
    return {"type": "array", "items": items, "description": description, **given}


def _text(description: str, **limits: Any) -> Schema:
    return {"type": "string", "description": description, **limits}


def _identifier(description: str) -> Schema:
    return _text(description, pattern="^[!-~]{1,64}$")


def _said(description: str, longest: int, *, optional: bool = False) -> Schema:
    text = _text(description, maxLength=longest, pattern=r"[^\s]")
    return {**text, "type": ["string", "null"]} if optional else text


def _scalar(description: str) -> Schema:
    return {"type": ["number", "string", "boolean", "null"], "description": description}


def _probability() -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1, "description": "P(bad), calibrated"}


def _decision() -> Schema:
    return {"enum": [str(decision) for decision in DECISIONS]}
