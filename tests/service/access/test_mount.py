from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.access.mount import Mount


def show(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.scope['path']} {request.scope['raw_path'].decode()}")


APP = Mount(Starlette(routes=[Route("/{rest:path}", show, methods=["GET", "POST"])]), "/credit_risk")


def ask(path: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://risk") as client:
            return await client.get(path)

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("/credit_risk/predict", "/predict /predict"),
        ("/credit_risk/", "/ /"),
        ("/credit_risk/pages/a%20b?x=1", "/pages/a b /pages/a%20b"),
        ("/credit_risk/credit_risk/", "/credit_risk/ /credit_risk/"),
    ],
)
def test_what_comes_under_the_path_is_seen_without_it(asked: str, seen: str) -> None:
    assert ask(asked).text == seen


@pytest.mark.parametrize("asked", ["/readyz", "/credit_risky/predict", "/other/credit_risk/predict"])
def test_what_comes_without_the_path_stays_as_it_is(asked: str) -> None:
    assert ask(asked).text == f"{asked} {asked}"


def test_the_path_alone_is_sent_on_to_the_portal() -> None:
    answer = ask("/credit_risk")
    assert (answer.status_code, answer.headers["location"]) == (308, "/credit_risk/")
