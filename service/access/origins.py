"""What pages of other origins may ask: nothing, but for the origins that the operator named."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import ProblemError

_SENT: Final = ("authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id")
_SHOWN: Final = ("idempotency-replayed", "retry-after", "www-authenticate", "x-request-id")
_METHODS: Final = ("GET", "POST")
_ALLOWED: Final = (
    "allowed are the origins in AVAL_CORS_ORIGINS, the methods "
    f"{' and '.join(_METHODS)}, and the headers {', '.join(_SENT)}"
)
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE: Final = frozenset({b"cross-site", b"same-site"})


class ReadableElsewhere(CORSMiddleware):
    """Lets pages of these origins read every answer, errors too: it stands around what gives errors their form (CORS).

    Keys travel in headers and never in cookies, so that no credentials of the browser's own are allowed.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(app, origins, expose_headers=_SHOWN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; browsers that ask whether they may ask are answered by `Preflights` further in."""
        if scope["type"] == "http":
            await self.simple_response(scope, receive, send, Headers(scope=scope))
        else:
            await self.app(scope, receive, send)


class Preflights(CORSMiddleware):
    """Tells browsers what pages of these origins may send (CORS); refuses what they may not by `ProblemError`."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(app, origins, _METHODS, _SENT)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks whether it may ask."""
        answer = super().preflight_response(request_headers)
        if answer.status_code != HTTPStatus.OK:
            detail = f"{bytes(answer.body).decode()}; {_ALLOWED}"
            raise ProblemError(400, detail, headers={"vary": answer.headers["vary"]})
        return answer

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        """Pass on every other request."""
        await self.app(scope, receive, send)


class OtherOrigins:
    """Refuses by `ProblemError` what a browser says that a page of any other origin sent, unless it only reads.

    Without asking first, a browser sends the plainer kinds of POST for every page, with the password that it keeps for
    this service. That the page cannot read the answer is no help once something is decided or taken down.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "http" and scope["method"] not in _READING and "*" not in self._allowed:
            self._check(scope)
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        site, origin = b"", ""
        for name, value in scope["headers"]:
            if name == b"sec-fetch-site":
                site = value
            elif name == b"origin":
                origin = value.decode("latin-1")
        if site in _ELSEWHERE and origin not in self._allowed:
            page = origin[:100] or "another origin"
            detail = f"a page of {page} may not send this; origins are allowed by AVAL_CORS_ORIGINS"
            raise ProblemError(403, detail)
