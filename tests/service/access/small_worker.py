"""A worker as BentoML starts one, without a model: uvicorn on an inherited socket behind all of our middleware."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from service.access.connections import Limits
from service.access.guard import Guard
from service.access.headers import SecurityHeaders
from service.access.key_file import KeyRing
from service.access.overload import Overload, Stopping
from service.access.rates import Rates
from service.access.stopping import Grace, begin_serving
from service.online.whole_body import WholeBody
from service.problems import ProblemMiddleware

LARGEST_BODY = 2**20
ANSWER_BYTES = 20_000_000


def needed(method: str, path: str) -> str | None:
    return None if path in ("/livez", "/readyz") else "predict" if method == "POST" else "read"


async def _alive(_: Request) -> Response:
    return PlainTextResponse("\n")


async def _predict(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params.get("seconds", 0)))
    return JSONResponse({"bytes": len(await request.body()), "key_id": request.state.key_id})


async def _large(_: Request) -> Response:
    return Response(b" " * ANSWER_BYTES)


def application(options: dict[str, Any]) -> Any:
    stopping = Stopping()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        begin_serving(stopping, Grace(**options.get("grace", {})), Limits(**options.get("limits", {})))
        yield
        if ended := options.get("ended"):
            Path(ended).write_text("ended")

    get = [Route("/livez", _alive), Route("/readyz", _alive), Route("/large", _large)]
    routes = Starlette(routes=[*get, Route("/predict", _predict, methods=["POST"])], lifespan=lifespan)
    whole = WholeBody(routes, LARGEST_BODY, options.get("body_seconds", 10.0))
    overload = Overload(whole, options.get("most", 128), stopping)
    keys = KeyRing(Path(options["keys"])) if "keys" in options else None
    rates = Rates(Path(options["rates"])) if "rates" in options else None
    guard = Guard(overload, keys, needed, rates)
    return SecurityHeaders(ProblemMiddleware(guard))


def main() -> None:
    listener, options = socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])
    logging.basicConfig(level=logging.INFO)
    config = uvicorn.Config(application(options), log_config=None, timeout_keep_alive=5, server_header=False)
    with click.Context(click.Command("worker")) as context:
        context.params = {"fd": listener.fileno()}
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
