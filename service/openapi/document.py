"""The OpenAPI 3.1 document of the online door, drawn from the bundle that it serves."""

from __future__ import annotations

from typing import Any

from service import __version__
from service.openapi.dashboard import DASHBOARD_PARAMETERS, dashboard_schemas
from service.openapi.examples import example_answers, example_bodies
from service.openapi.files import FILE_OPERATIONS, FILES, PARAMETER, TASK_ID, file_examples, file_schemas
from service.openapi.files import GROUP as FILES_GROUP
from service.openapi.operations import operation_json, operations
from service.openapi.problems import KEY_OF_CALLER, REPLAYED, REQUEST_ID, problem_responses
from service.openapi.schemas import schemas
from service.scoring.policy import Policy
from service.scoring.scorer import Scorer

LONGEST_KEY = 255

INTRODUCTION = """\
The score always means P(bad), calibrated. The order of a record's fields never matters; an unknown field, a missing
one, and a value of the wrong type, out of range or of no declared level are refused, each by name.

Where the operator configured keys, every path but those of health asks for one, with the scope named there; it is
sent as `Authorization: Bearer KEY`, as `X-API-Key: KEY`, or as the password of HTTP Basic.

Every error is `application/problem+json` (RFC 9457), and every answer has an `X-Request-ID`. A 500 is a fault of the
service, which logs it under that id; no request should cause one. Any path may answer 405 to a method that it does
not have, 431 to headers that are too large, and, before there is a request, 400, 408, 429 or 503 of the connection
itself: for what is no HTTP, a client that takes too long, too many requests sent ahead, or too many connections.
"""

GROUPS = {
    "decide": "Decisions and their explanations.",
    "tell": "What became of decisions.",
    FILES: FILES_GROUP,
    "read": "What is served.",
    "health": "For load balancers.",
}


def openapi(scorer: Scorer, policy: Policy) -> dict[str, Any]:
    """Return the document of a bundle served under a policy, as JSON data."""
    orders, told = file_examples()
    bodies, answers = example_bodies(scorer) | orders, example_answers(scorer, policy) | told
    paths: dict[str, Any] = {}
    for operation in (*operations(scorer.contract.also_at), *FILE_OPERATIONS):
        paths.setdefault(operation.path, {})[operation.method] = operation_json(operation, bodies, answers)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": scorer.contract.title,
            "version": __version__,
            "summary": f"Decisions of {scorer.tag} under the policy {policy.version}.",
            "description": f"{scorer.contract.description}\n\n{INTRODUCTION}".strip(),
        },
        "tags": [{"name": name, "description": text} for name, text in GROUPS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas(scorer.contract) | file_schemas() | dashboard_schemas(),
            "responses": problem_responses(scorer, bodies["Record"]),
            "parameters": {
                **{name: _parameter(name, *about) for name, about in _PARAMETERS.items()},
                **DASHBOARD_PARAMETERS,
                TASK_ID: PARAMETER,
            },
            "headers": {REQUEST_ID: _REQUEST_ID_HEADER, REPLAYED: _REPLAYED_HEADER},
            "securitySchemes": _SECURITY,
        },
    }


def _parameter(name: str, description: str, schema: dict[str, Any], example: str) -> dict[str, Any]:
    typed = {"type": "string", **schema}
    return {"name": name, "in": "header", "description": description, "schema": typed, "example": example}


_PARAMETERS: dict[str, tuple[str, dict[str, Any], str]] = {
    REQUEST_ID: (
        "Your own id of the request, at most 64 letters, digits, dots, hyphens and underscores. It comes back and "
        "is logged; anything else is replaced by an id of ours.",
        {},
        "order-17",
    ),
    "Accept-Language": (
        "Language of the reasons' texts: English, and the use case's own. English where it is neither.",
        {},
        "es, en;q=0.5",
    ),
    KEY_OF_CALLER: (
        "Sent again within a day with the same body, the first answer comes again and nothing is decided anew; "
        "with another body, 409.",
        {"minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
        "8f14e45f-ceea-467f",
    ),
}

_REQUEST_ID_HEADER = {
    "description": "The request's id, yours or ours; also in the log.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}

_REPLAYED_HEADER = {
    "description": "`true` where this is the first answer to the `Idempotency-Key`, given again.",
    "schema": {"const": "true"},
}

_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An API key as the password, with any name: so that a browser can open the pages.",
    },
}
