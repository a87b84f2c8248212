"""What the service tells of itself: its contract, model, figures, card, documentation and state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.model_store import read_card
from service.monitoring.watch import Watch
from service.online.dashboard import dashboard_json_of
from service.online.metrics import CONTENT_TYPE, Metrics
from service.online.paths import DASHBOARD_JSON, DECIDE, EXPLAIN, HEALTH, METRICS, READ, TELL
from service.openapi import PAGE_HEADERS, docs_page, openapi
from service.portal import portal_routes
from service.problems import ProblemError, problem_response
from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer

# A card has no script and asks for nothing: whatever would is no card of ours.
CARD_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def facts_app(
    scorer: Scorer, metrics: Metrics, bentoml_home: Path, watch: Watch | None = None, path: str = ""
) -> Starlette:
    """Return the application that answers every GET of ours; BentoML mounts it.

    watch: None where the decision log is off. path: under which the service is asked from outside.
    """
    document = openapi(scorer, scorer.policy) | ({"servers": [{"url": path}]} if path else {})
    page = docs_page(document)
    return Starlette(
        routes=[
            # In the place of BentoML's page, which loads scripts from other hosts.
            *portal_routes(index(scorer)),
            Route("/schema", _constant(json_schema(scorer.contract))),
            Route("/model_metadata", _constant(_metadata(scorer))),
            Route("/model_metrics", _constant(_figures(scorer))),
            Route("/model_params", _constant(dict(scorer.evidence["chosen"]))),
            Route("/model_card", _card(scorer, bentoml_home)),
            Route("/docs.json", _constant(document)),
            Route("/docs", lambda _: Response(page, headers=PAGE_HEADERS, media_type="text/html")),
            Route(DASHBOARD_JSON, dashboard_json_of(watch, metrics.traffic)),
            Route(METRICS, _exposition(metrics, watch)),
        ]
    )


def index(scorer: Scorer) -> dict[str, Any]:
    """Return what there is to ask for, for programs that ask at `/`."""
    return {
        "use_case": scorer.contract.use_case,
        "title": scorer.contract.title,
        "decide": [*DECIDE, *scorer.contract.also_at],
        "explain": list(EXPLAIN),
        "tell": list(TELL),
        "read": list(READ),
        "health": [*HEALTH, METRICS],
    }


def _exposition(metrics: Metrics, watch: Watch | None) -> Callable[[Request], Response]:
    def get(_: Request) -> Response:
        # Whoever collects gauges looks too; they are of the last look, not of this one.
        if watch is not None:
            watch.look()
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return get


def _constant(body: dict[str, Any]) -> Callable[[Request], Response]:
    def get(_: Request) -> Response:
        return JSONResponse(body)

    return get


def _metadata(scorer: Scorer) -> dict[str, Any]:
    return {
        "use_case": scorer.contract.use_case,
        "title": scorer.contract.title,
        "model": scorer.tag,
        "policy": {"version": scorer.policy.version, **scorer.policy.to_json()},
        "contract": scorer.contract.version,
        "kind": scorer.predictor.kind,
        "calibrator": scorer.calibrator.to_json(),
        "inputs": list(scorer.contract.inputs),
        "data": scorer.evidence["data"],
    }


def _figures(scorer: Scorer) -> dict[str, Any]:
    procedure, shipped = scorer.evidence["procedure"]["metrics"], scorer.evidence["shipped"]["metrics"]
    return {**procedure, "procedure": procedure, "shipped": shipped}


def _card(scorer: Scorer, bentoml_home: Path) -> Callable[[Request], Response]:
    tag, use_case = scorer.tag, scorer.contract.use_case
    mark = f'<meta name="aval-bundle" content="{tag}">'.encode()

    def get(request: Request) -> Response:
        # The card stands beside the bundle and is no part of its hash, so that it must name this very bundle.
        page = read_card(tag, bentoml_home)
        if page is not None and mark in page.partition(b"</head>")[0]:
            return Response(page, headers=CARD_HEADERS, media_type="text/html")
        found = f"no model card is stored beside {tag}"
        if page is not None:
            found = f"the model card beside {tag} is of another bundle"
        problem = ProblemError(404, f"{found}; run: aval promote {use_case}")
        return problem_response(problem, request.state.request_id)

    return get
