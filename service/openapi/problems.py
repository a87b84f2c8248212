"""The answers that say no, status by status, as responses of the OpenAPI document's components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from service.openapi.schemas import reference
from service.problems import PROBLEM_JSON, ProblemError
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

REQUEST_ID, KEY_OF_CALLER, REPLAYED = "X-Request-ID", "Idempotency-Key", "Idempotency-Replayed"
EXAMPLE_REQUEST_ID = "5b3f0c1e9d7a4a6c8e2f1b0d3c4a5e6f"
EXAMPLE_DECISION_ID = "0b6f4c1e-3a57-7c58-9d43-6f0d8f8c2a71"


@dataclass(frozen=True, slots=True)
class Documented:
    """What a status means here, a detail as it is sent, and the header that comes with it (`!`: always).

    `{use_case}` in the detail stands for the name of the use case.
    """

    meaning: str
    detail: str
    header: str = ""


DOCUMENTED: Mapping[int, Documented] = {
    400: Documented(
        "The body is no JSON, has a field twice, or is nested too deeply; or a header cannot be read.",
        "the body is not valid JSON: Expecting value: line 1 column 1 (char 0)",
    ),
    401: Documented(
        "Keys are asked for, and none was sent, or one that is unknown or has expired.",
        "an API key is needed; send it as `Authorization: Bearer KEY`, as `X-API-Key: KEY`, or as the password of "
        "HTTP Basic",
        "WWW-Authenticate",
    ),
    403: Documented(
        "The key lacks the scope of this path; or a browser sends this for a page of an origin that may not ask; or "
        "files are to be scored where that is off.",
        "this needs a key with the scope 'predict'; yours, key-3f9a1c2e, has: read",
    ),
    404: Documented(
        "There is no such thing.", f"no decision of {{use_case}} has the id '{EXAMPLE_DECISION_ID}'"
    ),
    405: Documented("The path has no such method.", "this path does not answer this method", "Allow"),
    408: Documented(
        "The body, or the request before it, was not complete in time; the connection is closed.",
        "the body was not complete within 10 seconds",
    ),
    409: Documented(
        "The `Idempotency-Key` was used before, with another body; or what was not referred is reviewed; or a task has "
        "no result, or not yet.",
        "this Idempotency-Key came with another body before; take a new key for a new request",
    ),
    413: Documented(
        "The body is larger than this service takes: 1 MiB, unless its operator set another bound; the detail "
        "names it.",
        "the body is larger than 1048576 bytes, the most that is accepted",
    ),
    415: Documented(
        "The content type is not `application/json`.", "content type 'text/csv' is not application/json"
    ),
    422: Documented(
        "The body is JSON, and not what is asked for, or a parameter is not; `errors` has one entry per refused field.",
        "1 field of the record refused: x is not a field",
    ),
    429: Documented(
        "More requests than this key, or than the service, takes at once, or as many tasks wait as may; try again "
        "after `Retry-After` seconds.",
        "128 requests are in work, the most that are taken; try again in 1 s",
        "Retry-After!",
    ),
    431: Documented(
        "The request line and the headers are too large together; the connection is closed.",
        "the head is larger than 65536 bytes, the most accepted",
    ),
    503: Documented(
        "Not ready: starting, stopping, its decision log is down, without which it decides nothing, or too many "
        "connections are open.",
        "the decision log is not open yet; nothing was decided",
        "Retry-After",
    ),
}


def problem_name(status: int) -> str:
    """Return the name of a status among the components' responses, such as `TooManyRequests`."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def problem_reference(status: int) -> dict[str, Any]:
    """Return the reference to the response of a status."""
    return {"$ref": f"#/components/responses/{problem_name(status)}"}


def problem_responses(scorer: Scorer, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response of every documented status; that of 422 shows what an unknown field is answered with."""
    return {
        problem_name(status): _response(documented, _example(status, documented, scorer, record))
        for status, documented in DOCUMENTED.items()
    }


def header_reference(name: str) -> dict[str, Any]:
    """Return the reference to a header of the components."""
    return {"$ref": f"#/components/headers/{name}"}


def _response(documented: Documented, example: dict[str, Any]) -> dict[str, Any]:
    headers = {REQUEST_ID: header_reference(REQUEST_ID)}
    if name := documented.header.removesuffix("!"):
        headers[name] = {**_HEADERS[name], "required": documented.header.endswith("!")}
    content = {PROBLEM_JSON: {"schema": reference("Problem"), "examples": {"problem": {"value": example}}}}
    return {"description": documented.meaning, "headers": headers, "content": content}


def _example(
    status: int, documented: Documented, scorer: Scorer, record: Mapping[str, Any]
) -> dict[str, Any]:
    problem = ProblemError(status, documented.detail.format(use_case=scorer.contract.use_case))
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        problem = _refusal(scorer, record)
    return problem.as_json(EXAMPLE_REQUEST_ID)


def _refusal(scorer: Scorer, record: Mapping[str, Any]) -> ProblemError:
    try:
        scorer.validator.check_record({**record, "no_such_field": 1})
    except RecordInvalid as error:
        first = error.findings[0]
        return ProblemError(422, f"1 field of the record refused: {first.message}", [first])
    return ProblemError(422, DOCUMENTED[422].detail)


_HEADERS: Mapping[str, dict[str, Any]] = {
    "Allow": {
        "description": "The methods that the path has.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Whole seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How a key is sent.",
        "schema": {"type": "string"},
    },
}
