"""Every path of the online door: what it takes, what it answers and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.openapi.dashboard import DASHBOARD, DASHBOARD_PARAMETERS
from service.openapi.problems import (
    KEY_OF_CALLER,
    REPLAYED,
    REQUEST_ID,
    header_reference,
    problem_reference,
)
from service.openapi.schemas import Schema, reference

JSON, HTML, TEXT = "application/json", "text/html", "text/plain"
KEY_SCHEMES = ("bearer", "header", "basic")
POSTED = (400, 401, 403, 408, 413, 415, 422, 429, 503)
READ = (401, 403, 429)


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    scope: what a key must allow; empty where none is asked for. takes: name of the body's schema, empty for none.
    gives: schema by content type. parameters: names of the components' parameters.
    """

    path: str
    method: str
    name: str
    group: str
    summary: str
    description: str
    scope: str
    gives: Mapping[str, Schema]
    problems: tuple[int, ...]
    takes: str = ""
    parameters: tuple[str, ...] = (REQUEST_ID,)


def operations(also_at: tuple[str, ...]) -> tuple[Operation, ...]:
    """Return all that the door answers; `also_at` are the contract's further paths of `/predict`."""
    further = tuple(_predict(path, f"predict_at{path.replace('/', '_')}") for path in also_at)
    return (_predict("/predict", "predict"), *further, *_DECIDING, *_TELLING, *_READING, *_HEALTH)


def operation_json(operation: Operation, bodies: Mapping[str, Any], answers: Mapping[str, Any]) -> Schema:
    """Return the operation as OpenAPI has it; `bodies` by schema and `answers` by operation are the examples."""
    body: Schema = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.description,
        "security": [{scheme: [operation.scope]} for scheme in KEY_SCHEMES] if operation.scope else [],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters],
    }
    if operation.takes:
        content = {"schema": reference(operation.takes), **_shown(bodies, operation.takes)}
        body["requestBody"] = {"required": True, "content": {JSON: content}}
    given = {kind: {"schema": schema} for kind, schema in operation.gives.items()}
    if JSON in given:
        given[JSON] |= _shown(answers, operation.gives[JSON].get("$ref", "").rpartition("/")[2])
    headers = {REQUEST_ID: header_reference(REQUEST_ID)}
    if KEY_OF_CALLER in operation.parameters:
        headers[REPLAYED] = header_reference(REPLAYED)
    done = {"description": "Done.", "headers": headers, "content": given}
    refused = {str(status): problem_reference(status) for status in operation.problems}
    return {**body, "responses": {"200": done, **refused}}


def _shown(examples: Mapping[str, Any], name: str) -> Schema:
    return {"examples": {"example": {"value": examples[name]}}} if name in examples else {}


def _predict(path: str, name: str) -> Operation:
    alias = "" if path == "/predict" else " The same as `/predict`, at the path of its predecessor."
    return Operation(
        path,
        "post",
        name,
        "decide",
        "Decide on one record",
        f"Stored in the decision log before it is answered. Reasons come with `refer` and `decline`.{alias}",
        "predict",
        {JSON: reference("Decision")},
        tuple(sorted((*POSTED, 409))),
        "Record",
        (REQUEST_ID, "Accept-Language", KEY_OF_CALLER),
    )


_DECIDING = (
    Operation(
        "/predict_bulk",
        "post",
        "predict_bulk",
        "decide",
        "Decide on up to a thousand records",
        "Answers in order, with a decision or a problem for each: a bad record never fails its neighbours.",
        "predict",
        {JSON: reference("BulkAnswer")},
        tuple(sorted((*POSTED, 409))),
        "Bulk",
        (REQUEST_ID, "Accept-Language", KEY_OF_CALLER),
    ),
    Operation(
        "/explain",
        "post",
        "explain",
        "decide",
        "Explain what a record would be decided, and why",
        "Contributions of all inputs, which add up, and what would change the decision. No decision is made.",
        "predict",
        {JSON: reference("Explanation")},
        tuple(sorted((*POSTED, 409))),
        "Record",
        (REQUEST_ID, "Accept-Language", KEY_OF_CALLER),
    ),
)

_TELLING = (
    Operation(
        "/outcomes",
        "post",
        "outcomes",
        "tell",
        "Say what really happened",
        "Told again, an outcome changes nothing; told otherwise, it is a correction, and both are kept.",
        "outcomes",
        {JSON: reference("OutcomesAnswer")},
        POSTED,
        "Outcomes",
    ),
    Operation(
        "/reviews",
        "post",
        "reviews",
        "tell",
        "Say what a person decided on a referred case",
        "Kept beside the decision, which stays as it is. Told again, a review changes nothing.",
        "outcomes",
        {JSON: reference("ReviewAnswer")},
        tuple(sorted((*POSTED, 404, 409))),
        "Review",
    ),
)


def _fact(
    path: str,
    summary: str,
    gives: Mapping[str, Schema],
    problems: tuple[int, ...] = READ,
    description: str = "",
    parameters: tuple[str, ...] = (),
) -> Operation:
    name = path.strip("/").replace(".", "_") or "index"
    asked = (REQUEST_ID, *parameters)
    return Operation(
        path, "get", name, "read", summary, description, "read", gives, problems, parameters=asked
    )


_ANY_OBJECT: Schema = {"type": "object"}
_PAGE: Schema = {"type": "string"}

_READING = (
    _fact(
        "/", "The portal, for people; a list of what there is, for programs", {JSON: _ANY_OBJECT, HTML: _PAGE}
    ),
    _fact("/schema", "The JSON Schema (2020-12) of a record", {JSON: _ANY_OBJECT}),
    _fact(
        "/model_metadata", "Model, policy and contract that are served", {JSON: reference("ModelMetadata")}
    ),
    _fact("/model_metrics", "How good the model is, on cases that it never saw", {JSON: _ANY_OBJECT}),
    _fact("/model_params", "Parameters of the chosen candidate", {JSON: _ANY_OBJECT}),
    _fact("/model_card", "The model card", {HTML: _PAGE}, (401, 403, 404, 429)),
    _fact("/dashboard", "The dashboard, for people", {HTML: _PAGE}),
    _fact(
        "/dashboard.json",
        "How the model is doing",
        {JSON: reference("Dashboard")},
        (401, 403, 404, 422, 429, 503),
        DASHBOARD,
        tuple(DASHBOARD_PARAMETERS),
    ),
    _fact("/docs", "This document, for people", {HTML: _PAGE}),
    _fact("/docs.json", "This document", {JSON: _ANY_OBJECT}),
    _fact("/metrics", "Figures for Prometheus", {TEXT: _PAGE}),
)

_HEALTH = tuple(
    Operation(path, "get", name, "health", summary, description, "", {TEXT: _PAGE}, problems)
    for path, name, summary, description, problems in (
        ("/livez", "livez", "Whether the process answers", "No key is asked for.", ()),
        ("/healthz", "healthz", "The same as `/livez`", "No key is asked for.", ()),
        (
            "/readyz",
            "readyz",
            "Whether requests should be sent here",
            "503 while it starts or stops, or when decisions cannot be logged. No key is asked for.",
            (503,),
        ),
    )
)
