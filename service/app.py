"""The online door: a BentoML service for the bundle that the settings name.

This is the one module that does something when imported: BentoML wants the request's type when the class is
made, and the type comes from the contract of the bundle that is served.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import attrs
import bentoml
from _bentoml_sdk.io_models import IODescriptor
from bentoml._internal.service.openapi.specification import Schema
from starlette.requests import Request
from starlette.responses import Response

from service.decision_log.telling import answer_outcomes, answer_review
from service.errors import AvalError
from service.online.answers import (
    AnyAnswer,
    BulkAnswer,
    DecisionAnswer,
    bulk_schema,
    decide,
    decide_bulk,
)
from service.online.application import LeanService
from service.online.explaining import explain_record
from service.online.facts import facts_app
from service.online.paths import PATHS, SCORE_FILE
from service.online.runtime import restart_workers_everywhere
from service.online.worker import Worker
from service.scoring.schema import json_schema
from service.settings import Settings


def _start() -> Worker:
    restart_workers_everywhere()
    try:
        return Worker.of(Settings.from_environment(), PATHS)
    except AvalError as error:
        sys.exit(f"aval: error: {error}")


WORKER = _start()
SCORER, SETTINGS = WORKER.scorer, WORKER.settings


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


class TellingInput(JsonInput):
    """Outcomes or a review; `/docs.json` describes both."""

    described: ClassVar[dict[str, Any]] = {"type": "object"}


class OrderInput(JsonInput):
    """A file to score and where to; `/docs.json` describes it."""

    described: ClassVar[dict[str, Any]] = {"type": "object"}


class _Doors:
    """Scores one record or a bulk of them, explains, and takes down what became of decisions."""

    @bentoml.on_startup
    async def start(self) -> None:
        """Open the log and warm up; the worker is ready afterwards."""
        await WORKER.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Have everything that was decided written down."""
        await WORKER.stop()

    async def __is_ready__(self) -> bool:
        """Whether a decision would be answered now."""
        return WORKER.is_ready

    @bentoml.api(route="/predict", input_spec=RecordInput, output_spec=DecisionAnswer)
    async def predict(self, request: Request, /) -> Response:
        """Decide on one record."""
        return await WORKER.desk.answer(request, decide)

    @bentoml.api(route="/predict_bulk", input_spec=BulkInput, output_spec=BulkAnswer)
    async def predict_bulk(self, request: Request, /) -> Response:
        """Decide on up to a thousand records; a bad one never fails its neighbours."""
        return await WORKER.desk.answer(request, decide_bulk, long=True)

    @bentoml.api(route="/explain", input_spec=RecordInput, output_spec=AnyAnswer)
    async def explain(self, request: Request, /) -> Response:
        """Explain the decision on one record; what is answered here is no decision."""
        return await WORKER.desk.answer(request, explain_record, long=True)

    @bentoml.api(route="/outcomes", input_spec=TellingInput, output_spec=BulkAnswer)
    async def outcomes(self, request: Request, /) -> Response:
        """Take down what really happened."""
        return await WORKER.desk.take(request, answer_outcomes)

    @bentoml.api(route="/reviews", input_spec=TellingInput, output_spec=AnyAnswer)
    async def reviews(self, request: Request, /) -> Response:
        """Take down what a person decided on a referred case."""
        return await WORKER.desk.take(request, answer_review)

    @bentoml.task(route=SCORE_FILE, input_spec=OrderInput, output_spec=AnyAnswer)
    async def score_file(self, request: Request, /) -> Response:
        """Score the records of a file, a folder or a prefix; answers when it is done."""
        return await WORKER.tasks.run(request)


def _also_at(path: str) -> Any:
    async def predict(self: _Doors, request: Request, /) -> Response:
        return await WORKER.desk.answer(request, decide)

    predict.__doc__ = "Decide on one record, as `/predict` does."
    return bentoml.api(route=path, input_spec=RecordInput, output_spec=DecisionAnswer)(predict)


for _number, _path in enumerate(SCORER.contract.also_at):
    setattr(_Doors, f"also_at_{_number}", _also_at(_path))


def _tracing() -> dict[str, Any]:
    if SETTINGS.spans_to is None:
        return {"excluded_urls": ".*"}
    return {
        "exporter_type": "otlp",
        "sample_rate": 1.0,
        "otlp": {"protocol": "http", "endpoint": SETTINGS.spans_to},
    }


RiskService = bentoml.service(
    name="aval",
    description=SCORER.contract.title,
    service_class=LeanService,
    workers=SETTINGS.workers,
    http={"host": SETTINGS.host},
    # Ours in their place: BentoML's figures have a label for every path that a caller makes up, and its access log
    # and spans take time of every request (.github/decisions).
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing=_tracing(),
)(_Doors)
RiskService.spans = SETTINGS.spans_to is not None
RiskService.tasks = WORKER.tasks
RiskService.mount_asgi_app(
    facts_app(SCORER, WORKER.metrics, SETTINGS.bentoml_home, WORKER.watch, SETTINGS.path)
)
for _middleware, _options in WORKER.middlewares():
    RiskService.add_asgi_middleware(_middleware, **_options)
