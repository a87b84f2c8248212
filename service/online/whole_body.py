"""Reads each body as a whole, within bounds, before any route sees the request."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import ProblemError

BODY_SECONDS = 10.0
JSON = "application/json"
# An answer sent while the client is still sending would be lost, so that much more is read and thrown away.
_DRAINED_BODIES = 64
_CLOSE = {"connection": "close"}


class WholeBody:
    """Asks for JSON, and for a body that is neither larger nor later than it may be; refuses by `ProblemError`.

    largest_body: bytes. body_seconds: until the body must be complete.
    """

    def __init__(self, app: ASGIApp, largest_body: int, body_seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self.largest_body = largest_body
        self.body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "http" and scope["method"] in ("POST", "PUT", "PATCH"):
            receive = await self._read(Headers(scope=scope), receive)
        await self.app(scope, receive, send)

    async def _read(self, headers: Headers, receive: Receive) -> Receive:
        try:
            body = await self._body(receive)
        except TimeoutError:
            detail = f"the body was not complete within {self.body_seconds:g} seconds"
            raise ProblemError(408, detail, headers=_CLOSE) from None
        # Programs may leave it out. A browser would send what has none for any page, without asking us first.
        unnamed = "" if "origin" in headers else JSON
        kind = headers.get("content-type", unnamed).partition(";")[0].strip().lower()
        if kind != JSON:
            raise ProblemError(415, f"content type {kind!r} is not {JSON}")
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        return replay

    async def _body(self, receive: Receive) -> bytes:
        first = _arrived(receive)
        if first is not None and not first.get("more_body", False):
            return await _bounded_body(first, receive, self.largest_body)
        async with asyncio.timeout(self.body_seconds):
            return await _bounded_body(first, receive, self.largest_body)


def _arrived(receive: Receive) -> Message | None:
    """Return the next message if it has come already, without waiting; None loses nothing."""
    # A timer for each request takes longer than most bodies do, which come together with their heads.
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as done:
        message: Message = done.value
        return message
    step.close()
    return None


async def _bounded_body(first: Message | None, receive: Receive, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    message = first
    while True:
        if message is None:
            message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "the client closed the connection before the body was complete")
        part = message.get("body", b"")
        size += len(part)
        if size <= largest:
            parts.append(part)
        if not message.get("more_body", False) or size > largest * _DRAINED_BODIES:
            break
        message = None
    if size > largest:
        detail = f"the body is larger than {largest} bytes, the most that is accepted"
        raise ProblemError(413, detail, headers=_CLOSE)
    return b"".join(parts)
