"""Every problem that the published document shows, against what is really answered in its case."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.guard import Guard
from service.access.key_file import KeyRing
from service.access.keys import ApiKey, digest_of, keys_json
from service.access.overload import Overload
from service.decision_log import open_log
from service.online.answers import decide
from service.online.desk import Desk
from service.online.metrics import Metrics
from service.online.paths import required_scope
from service.online.whole_body import BODY_SECONDS, WholeBody
from service.openapi import openapi
from service.openapi.problems import DOCUMENTED, EXAMPLE_DECISION_ID
from service.problems import ProblemMiddleware
from service.scoring.scorer import Scorer
from service.settings import Settings
from tests.processes import web
from tests.service.records import problem, records

USE_CASE = "credit_risk"
KEY_ID, SECRET = "key-3f9a1c2e", "aval_reads"
DEFAULTS = Settings(None, Path(), Path(), "", None, Path())
ONE = {"content-type": "application/json", "idempotency-key": "documented"}
REVIEW = {"decision_id": EXAMPLE_DECISION_ID, "decision": "approve", "reviewer": "m.rojas", "why": "Proven."}


@pytest.fixture(scope="module")
def shown(quick_scorer: Callable[..., Scorer]) -> dict[int, dict[str, Any]]:
    """The problem that the document shows for each status, and the headers that it promises there."""
    scorer = quick_scorer(USE_CASE)
    found = {}
    for response in openapi(scorer, scorer.policy)["components"]["responses"].values():
        (content,) = response["content"].values()
        value = content["examples"]["problem"]["value"]
        found[value["status"]] = {**value, "headers": response["headers"]}
    return found


def check(answer: httpx.Response, shown: dict[str, Any]) -> None:
    """Assert that an answer is the problem shown, but for its request id, and has every header promised."""
    sent = problem(answer, shown["status"])
    names = set(shown) - {"headers", "request_id"}
    assert {name: sent[name] for name in names} == {name: shown[name] for name in names}
    assert set(sent) == {*names, "request_id"}
    assert {name.lower() for name in shown["headers"]} <= set(answer.headers)


# Asked of a server


def _asked(status: int, url: str) -> httpx.Response:
    record = records(USE_CASE)[0]
    bodies: dict[int, tuple[str, str, bytes, dict[str, str]]] = {
        400: ("POST", "/predict", b"", ONE),
        404: ("POST", "/reviews", json.dumps(REVIEW).encode(), ONE),
        405: ("DELETE", "/predict", b"", {}),
        409: ("POST", "/predict", json.dumps(records(USE_CASE)[1]).encode(), ONE),
        413: ("POST", "/predict", b" " * (DEFAULTS.largest_body + 1), ONE),
        415: ("POST", "/predict", b"{}", {"content-type": "text/csv"}),
        422: ("POST", "/predict", json.dumps({**record, "no_such_field": 1}).encode(), ONE),
        431: ("GET", "/schema", b"", {"x-long": "x" * 70_000}),
    }
    if status == 409:
        web.post(f"{url}/predict", content=json.dumps(record), headers=ONE).raise_for_status()
    method, path, body, headers = bodies[status]
    return web.request(method, url + path, content=body, headers=headers)


AT_THE_SERVER = (400, 404, 405, 409, 413, 415, 422, 431)


@pytest.mark.parametrize("status", AT_THE_SERVER)
def test_a_server_answers_what_the_document_shows(
    served: Callable[[str], str], shown: dict[int, dict[str, Any]], status: int
) -> None:
    check(_asked(status, served(USE_CASE)), shown[status])


# Asked of what stands before the routes, and of the desk


def _answer(app: ASGIApp, body: Any = b"{}", **headers: str) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(ProblemMiddleware(app))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/predict", content=body, headers=named)

    return asyncio.run(run())


async def _route(scope: Scope, receive: Receive, send: Send) -> None:
    await Response()(scope, receive, send)


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    key = ApiKey(KEY_ID, "reader", digest_of(SECRET), ("read",), datetime(2026, 11, 21, tzinfo=UTC))
    (tmp_path / "keys.json").write_bytes(keys_json([key]))
    return Guard(_route, KeyRing(tmp_path / "keys.json"), required_scope)


def test_no_key_is_answered_as_shown(guard: Guard, shown: dict[int, dict[str, Any]]) -> None:
    check(_answer(guard), shown[401])


def test_a_missing_scope_is_answered_as_shown(guard: Guard, shown: dict[int, dict[str, Any]]) -> None:
    check(_answer(guard, x_api_key=SECRET), shown[403])


def test_one_request_too_many_is_answered_as_shown(shown: dict[int, dict[str, Any]]) -> None:
    overload = Overload(_route, DEFAULTS.concurrency)
    overload.in_work = DEFAULTS.concurrency
    check(_answer(overload), shown[429])


def test_a_late_body_is_answered_as_shown_with_the_bound_that_holds(shown: dict[int, dict[str, Any]]) -> None:
    async def stalls() -> Any:
        yield b"{"
        await asyncio.sleep(60)

    told = shown[408]["detail"].replace(f"{BODY_SECONDS:g} seconds", "0.01 seconds")
    check(_answer(WholeBody(_route, DEFAULTS.largest_body, 0.01), stalls()), {**shown[408], "detail": told})
    assert told != shown[408]["detail"]


def test_a_log_that_takes_nothing_is_told_of_as_shown(
    quick_scorer: Callable[..., Scorer], shown: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'decisions.db'}", spool=tmp_path, when_down="closed", about={})
    desk = Desk(quick_scorer(USE_CASE), log, Metrics((), {"model": "m"}, None))

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        answer: Awaitable[Response] = desk.answer(Request(scope, receive), decide)
        await (await answer)(scope, receive, send)

    check(_answer(route, json.dumps(records(USE_CASE)[0])), shown[503])


def test_every_documented_problem_is_asked_for_here() -> None:
    assert set(DOCUMENTED) == {*AT_THE_SERVER, 401, 403, 408, 429, 503}
