"""Errors over HTTP, as RFC 9457 problem details, and the middleware that lets no other kind of error out."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.scoring.findings import Finding

PROBLEM_JSON = "application/problem+json"
REQUEST_ID = "x-request-id"
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOG = logging.getLogger(__name__)


class ProblemError(Exception):
    """Whatever a request did wrong: HTTP status, one sentence, the refused fields and the answer's own headers."""

    def __init__(
        self,
        status: int,
        detail: str,
        findings: Sequence[Finding] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.findings = tuple(findings)
        self.headers = dict(headers or {})
        super().__init__(detail)

    def as_json(self, request_id: str) -> dict[str, Any]:
        """Return the problem details; `errors` has one entry per refused field."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.findings:
            body["errors"] = [item.as_json() for item in self.findings]
        return body


def problem_response(problem: ProblemError, request_id: str) -> Response:
    """Return the problem as an answer."""
    body = json.dumps(problem.as_json(request_id))
    return Response(body, problem.status, problem.headers, media_type=PROBLEM_JSON)


class ProblemMiddleware:
    """Gives every request an id, and turns every error into a problem.

    What a route answers with 400 or above in another form, BentoML's own errors among them, is replaced.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _PLAIN_ID.fullmatch(given) else os.urandom(16).hex()
        scope.setdefault("state", {})["request_id"] = request_id
        sender = _ProblemSender(send, request_id)
        try:
            await self.app(scope, receive, sender)
        except ProblemError as problem:
            await problem_response(problem, request_id)(scope, receive, sender)
        except Exception:
            # The server logs it; here it only gets the form that every error has.
            if not sender.started:
                await sender.replace(HTTPStatus.INTERNAL_SERVER_ERROR)
            raise


class _ProblemSender:
    """Passes an answer on, or replaces it by a problem where it is an error in another form."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._replaced = False
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif not self._replaced:
            await self._send(message)

    async def replace(self, status: int, kept: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a problem of this status, with the headers `kept`; what else is sent is dropped."""
        self.started = self._replaced = True
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _LOG.error("request %s was answered with %d", self._request_id, status)
        problem = problem_response(ProblemError(status, _detail(status)), self._request_id)
        headers = [*problem.raw_headers, *kept, (REQUEST_ID.encode(), self._request_id.encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": problem.body, "more_body": False})

    async def _start(self, message: Message) -> None:
        self.started = True
        headers = MutableHeaders(raw=message.setdefault("headers", []))
        status = message["status"]
        if status < HTTPStatus.BAD_REQUEST or headers.get("content-type", "").startswith(PROBLEM_JSON):
            headers[REQUEST_ID] = self._request_id
            await self._send(message)
            return
        kept = [(name, value) for name, value in message["headers"] if name.lower() in _KEPT_HEADERS]
        await self.replace(status, kept)


_KEPT_HEADERS = (b"allow", b"retry-after")


def _detail(status: int) -> str:
    return {
        404: "there is nothing at this path; see /docs.json for what there is",
        405: "this path does not answer this method",
        500: "an unexpected error occurred; it was logged under this request id",
        503: "the service is not ready",
    }.get(status, HTTPStatus(status).phrase)
