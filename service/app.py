"""The online door: a BentoML service for the bundle that the settings name.

This is the one module that does something when imported: BentoML wants the request's type when the class is
made, and the type comes from the contract of the bundle that is served.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import bentoml
from _bentoml_sdk.io_models import IODescriptor
from bentoml._internal.service.openapi.specification import Schema
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.answers import BulkAnswer, DecisionAnswer, bulk_schema, decide, decide_bulk
from service.errors import AvalError
from service.model_store import load_scorer, read_card
from service.problems import ProblemError, ProblemMiddleware, problem_response
from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer
from service.settings import Settings


def _start() -> tuple[Settings, Scorer]:
    try:
        settings = Settings.from_environment()
        return settings, load_scorer(settings.model, settings.bentoml_home)
    except AvalError as error:
        sys.exit(f"aval: error: {error}")


SETTINGS, SCORER = _start()
CARD_OF_BUNDLE = f'<meta name="aval-bundle" content="{SCORER.tag}">'.encode()
# A card has no script and asks for nothing: whatever would is no card of ours.
CARD_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class JsonInput(IODescriptor):
    """A body that is read as bytes and answered for by the contract, not by pydantic: its errors are ours."""

    __root_input__: ClassVar[bool] = True
    described: ClassVar[dict[str, Any]]

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        """Return the request; BentoML hands it to the method as its argument."""
        return request

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the contract's schema, for the OpenAPI document and BentoML's clients."""
        return {**cls.described, "root_input": True}

    @classmethod
    def openapi_components(cls, name: str) -> dict[str, Schema]:
        """Return what BentoML's OpenAPI classes know of the schema; `/schema` has the whole of it."""
        known = {field.name for field in attrs.fields(Schema)}
        return {cls.__name__: Schema(**{key: value for key, value in cls.described.items() if key in known})}


class RecordInput(JsonInput):
    """One record of the use case."""

    described = json_schema(SCORER.contract)


class BulkInput(JsonInput):
    """Up to a thousand records."""

    described = bulk_schema(SCORER)


def _answer_body(
    request: Request, body: bytes, decide_body: Callable[[Scorer, bytes, str], dict[str, Any]]
) -> Response:
    request_id = request.state.request_id
    try:
        return JSONResponse(decide_body(SCORER, body, request_id))
    except ProblemError as problem:
        return problem_response(problem, request_id)


class _Doors:
    """Scores one record or a bulk of them."""

    def __init__(self) -> None:
        SCORER.reasons_of(SCORER.profile.reference())

    @bentoml.api(route="/predict", input_spec=RecordInput, output_spec=DecisionAnswer)
    async def predict(self, request: Request, /) -> Response:
        """Decide on one record."""
        return _answer_body(request, await request.body(), decide)

    @bentoml.api(route="/predict_bulk", input_spec=BulkInput, output_spec=BulkAnswer)
    async def predict_bulk(self, request: Request, /) -> Response:
        """Decide on up to a thousand records; a bad one never fails its neighbours."""
        return await run_in_threadpool(_answer_body, request, await request.body(), decide_bulk)


def _also_at(path: str) -> Any:
    async def predict(self: _Doors, request: Request, /) -> Response:
        return _answer_body(request, await request.body(), decide)

    predict.__doc__ = "Decide on one record, as `/predict` does."
    return bentoml.api(route=path, input_spec=RecordInput, output_spec=DecisionAnswer)(predict)


for _number, _path in enumerate(SCORER.contract.also_at):
    setattr(_Doors, f"also_at_{_number}", _also_at(_path))


def _facts(body: dict[str, Any]) -> Callable[[Request], Response]:
    def get(_: Request) -> Response:
        return JSONResponse(body)

    return get


def _metadata() -> dict[str, Any]:
    return {
        "use_case": SCORER.contract.use_case,
        "title": SCORER.contract.title,
        "model": SCORER.tag,
        "policy": {"version": SCORER.policy.version, **SCORER.policy.to_json()},
        "contract": SCORER.contract.version,
        "kind": SCORER.predictor.kind,
        "calibrator": SCORER.calibrator.to_json(),
        "inputs": list(SCORER.contract.inputs),
        "data": SCORER.evidence["data"],
    }


def _metrics() -> dict[str, Any]:
    procedure, shipped = SCORER.evidence["procedure"]["metrics"], SCORER.evidence["shipped"]["metrics"]
    return {**procedure, "procedure": procedure, "shipped": shipped}


def _model_card(request: Request) -> Response:
    """Serve the card that stands beside the bundle: it is no part of the hash, so that it must name this bundle."""
    page = read_card(SCORER.tag, SETTINGS.bentoml_home)
    next_step = f"run: aval promote {SCORER.contract.use_case}"
    if page is None:
        problem = ProblemError(404, f"no model card is stored beside {SCORER.tag}; {next_step}")
        return problem_response(problem, request.state.request_id)
    if CARD_OF_BUNDLE not in page.partition(b"</head>")[0]:
        problem = ProblemError(404, f"the model card beside {SCORER.tag} is of another bundle; {next_step}")
        return problem_response(problem, request.state.request_id)
    return Response(page, headers=CARD_HEADERS, media_type="text/html")


def _index() -> dict[str, Any]:
    return {
        "use_case": SCORER.contract.use_case,
        "title": SCORER.contract.title,
        "decide": ["/predict", "/predict_bulk", *SCORER.contract.also_at],
        "read": [
            "/schema",
            "/model_metadata",
            "/model_metrics",
            "/model_params",
            "/model_card",
            "/docs.json",
        ],
        "health": ["/livez", "/readyz", "/metrics"],
    }


FACTS = Starlette(
    routes=[
        # In the place of BentoML's page, which loads scripts from other hosts.
        Route("/", _facts(_index())),
        Route("/schema", _facts(json_schema(SCORER.contract))),
        Route("/model_metadata", _facts(_metadata())),
        Route("/model_metrics", _facts(_metrics())),
        Route("/model_params", _facts(dict(SCORER.evidence["chosen"]))),
        Route("/model_card", _model_card),
    ]
)

RiskService = bentoml.service(name="aval", traffic={"timeout": 15}, description=SCORER.contract.title)(_Doors)
RiskService.mount_asgi_app(FACTS)
RiskService.add_asgi_middleware(ProblemMiddleware, largest_body=SETTINGS.largest_body)
