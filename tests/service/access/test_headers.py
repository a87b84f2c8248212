from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.access.headers import SecurityHeaders

CSP = "content-security-policy"
PAGES_OWN = "default-src 'self'; frame-ancestors 'none'"


def json(_: Request) -> Response:
    return JSONResponse({})


def page(_: Request) -> Response:
    return Response(headers={CSP.title(): PAGES_OWN, "cache-control": "no-cache"}, media_type="text/html")


def answer(app: ASGIApp, method: str, url: str, headers: dict[str, str]) -> httpx.Response:
    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.request(method, url, headers=headers)

    return asyncio.run(run())


def ask(path: str = "/json", base: str = "http://test", **headers: str) -> httpx.Response:
    app = Starlette(routes=[Route("/json", json), Route("/page", page)])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(SecurityHeaders(app), "GET", base + path, named)


@pytest.mark.parametrize("path", ["/json", "/nothing"])
def test_an_answer_is_for_nothing_but_reading_once(path: str) -> None:
    headers = ask(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers[CSP] == "default-src 'none'; frame-ancestors 'none'"


def test_a_pages_own_headers_stand_and_stand_once() -> None:
    headers = ask("/page").headers
    assert headers.get_list(CSP) == [PAGES_OWN]
    assert headers.get_list("cache-control") == ["no-cache"]
    assert headers["x-content-type-options"] == "nosniff"


def test_https_alone_is_asked_for_only_where_it_is_there() -> None:
    assert "strict-transport-security" not in ask().headers
    assert "strict-transport-security" not in ask(x_forwarded_proto="http").headers
    for secure in (ask(x_forwarded_proto="https"), ask(base="https://test")):
        assert secure.headers["strict-transport-security"] == "max-age=31536000"
