from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.access.key_file import KeyRing, changing_keys
from service.access.keys import ApiKey, digest_of, new_id
from service.online.metrics import Metrics
from service.online.worker import Worker
from service.scoring.scorer import Scorer
from service.settings import Settings
from tests.service.access.test_guard import NOW

PORTAL, ELSEWHERE = "https://portal.example", "https://elsewhere.example"
KEY = "aval_portal"
Ask = Callable[..., httpx.Response]


async def predict(request: Request) -> Response:
    if request.headers.get("x-fails"):
        raise RuntimeError("secret of the server")
    return JSONResponse({"bytes": len(await request.body())}, headers={"idempotency-replayed": "true"})


@pytest.fixture
def behind(quick_scorer: Callable[..., Scorer], tmp_path: Path) -> Callable[..., Ask]:
    """`behind(origins, keys)`: asks a route that stands behind all that a worker puts before its routes."""
    with changing_keys(tmp_path / "keys.json") as keys:
        keys.append(ApiKey(new_id(), "portal", digest_of(KEY), ("predict",), NOW))

    def make(*origins: str, keys: bool = False) -> Ask:
        settings = Settings(None, tmp_path, tmp_path, "", None, tmp_path, cors_origins=origins)
        ring = KeyRing(tmp_path / "keys.json") if keys else None
        paths = frozenset({"/predict"})
        metrics = Metrics(paths, {"model": "m"}, None)
        worker = Worker(settings, quick_scorer("loan_approval"), None, None, metrics, None, ring, paths)
        app: ASGIApp = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
        for kind, options in reversed(worker.middlewares()):
            app = kind(app, **options)
        return lambda method="POST", path="/predict", **more: _asked(app, method, path, **more)

    return make


def _asked(app: ASGIApp, method: str, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(
                method, path, headers=named, content=b"{}" if method == "POST" else None
            )

    return asyncio.run(run())


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def preflight(ask: Ask, origin: str, headers: str = "authorization,content-type") -> httpx.Response:
    asked = {"access_control_request_method": "POST", "access_control_request_headers": headers}
    return ask("OPTIONS", origin=origin, **asked)


def test_a_configured_origin_may_ask_with_a_key_and_without_cookies(behind: Callable[..., Ask]) -> None:
    ask = behind(PORTAL, keys=True)
    allowed = preflight(ask, PORTAL, "authorization,content-type,idempotency-key,x-api-key,x-request-id")
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, PORTAL)
    assert "access-control-allow-credentials" not in allowed.headers
    assert allowed.headers["x-request-id"]
    answer = ask(origin=PORTAL, x_api_key=KEY, content_type="application/json")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PORTAL)


@pytest.mark.parametrize(
    ("origin", "headers", "told"),
    [(ELSEWHERE, "content-type", "origin"), (PORTAL, "x-other", "headers")],
)
def test_what_a_browser_may_not_ask_is_a_problem(
    behind: Callable[..., Ask], origin: str, headers: str, told: str
) -> None:
    answer = preflight(behind(PORTAL), origin, headers)
    detail = (
        f"Disallowed CORS {told}; allowed are the origins in AVAL_CORS_ORIGINS, the methods GET and POST, and"
    )
    assert problem(answer, 400)["detail"].startswith(detail)
    assert ("access-control-allow-origin" in answer.headers) == (origin == PORTAL)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (401, {"content_type": "application/json"}),
        (415, {"content_type": "text/plain", "x_api_key": KEY}),
        (404, {"path": "/nothing", "content_type": "application/json", "x_api_key": KEY}),
        (500, {"x_fails": "yes", "content_type": "application/json", "x_api_key": KEY}),
    ],
)
def test_a_page_of_a_configured_origin_reads_every_error_as_a_problem(
    behind: Callable[..., Ask], status: int, asked: dict[str, str]
) -> None:
    answer = behind(PORTAL, keys=True)(origin=PORTAL, **asked)
    problem(answer, status)
    assert answer.headers["access-control-allow-origin"] == PORTAL
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


def test_a_page_reads_the_headers_that_say_what_to_do_next(behind: Callable[..., Ask]) -> None:
    answer = behind(PORTAL)(origin=PORTAL, content_type="application/json")
    shown = answer.headers["access-control-expose-headers"]
    assert shown == "idempotency-replayed, retry-after, www-authenticate, x-request-id"


def test_a_request_id_of_the_caller_comes_back_to_its_page(behind: Callable[..., Ask]) -> None:
    answer = behind(PORTAL, keys=True)(origin=PORTAL, x_request_id="order-17")
    assert problem(answer, 401)["request_id"] == "order-17"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("origins", [(), (PORTAL,)], ids=str)
def test_a_page_of_another_origin_cannot_post(
    behind: Callable[..., Ask], origins: tuple[str, ...], site: str
) -> None:
    ask = behind(*origins)
    told = f"a page of {ELSEWHERE} may not send this; origins are allowed by AVAL_CORS_ORIGINS"
    answer = ask(origin=ELSEWHERE, sec_fetch_site=site, content_type="application/json")
    assert problem(answer, 403)["detail"] == told
    assert problem(ask(sec_fetch_site=site), 403)["detail"].startswith("a page of another origin may not")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "origin": PORTAL},
        {"sec_fetch_site": "same-origin", "origin": "http://test"},
        {"sec_fetch_site": "none"},
        {},
    ],
    ids=str,
)
def test_a_configured_origin_the_own_page_and_programs_can_post(
    behind: Callable[..., Ask], headers: dict[str, str]
) -> None:
    assert behind(PORTAL)(content_type="application/json", **headers).status_code == 200


def test_every_origin_can_post_where_every_origin_is_configured(behind: Callable[..., Ask]) -> None:
    ask = behind("*")
    assert (
        ask(origin=ELSEWHERE, sec_fetch_site="cross-site", content_type="application/json").status_code == 200
    )


def test_a_link_on_another_page_may_be_followed(behind: Callable[..., Ask]) -> None:
    answer = behind()("GET", "/nothing", sec_fetch_site="cross-site")
    assert answer.status_code == 404


def test_a_page_says_what_it_posts(behind: Callable[..., Ask]) -> None:
    """What is neither JSON by name nor asked for first is sent by a browser on the word of any page."""
    ask = behind()
    assert problem(ask(origin=ELSEWHERE), 415)["detail"] == "content type '' is not application/json"
    assert ask().status_code == 200, "a program that sends no content type"
