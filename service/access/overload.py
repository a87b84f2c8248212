"""No more requests at once than a worker can hold, and a stop that is announced before it comes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import ProblemError

READINESS: Final = "/readyz"
HEALTH: Final = frozenset({"/livez", "/healthz", READINESS, "/metrics"})
_RETRY_SECONDS: Final = 1
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_READING: Final = frozenset({"GET", "HEAD"})
_ARRIVING: Final = 4
_CLOSE: Final = (b"connection", b"close")


@dataclass(slots=True)
class Stopping:
    """Whether this process is about to stop; it never takes that back."""

    active: bool = False


class Overload:
    """Has at most so many requests in work and answers the next at once with 429 and `Retry-After`.

    Refuses by `ProblemError`, which the middleware around it answers, and without asking for the body: the server
    skips what is still coming, on a connection that stays open, so that the client sees the answer. A request is in
    work from when its body has come, so that slow clients keep no others out; four times as many may be arriving.
    Asking for health and metrics is never refused. While the process is stopping, it is not ready and every answer
    closes its connection.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: int,
        stopping: Stopping | None = None,
        exempt: Collection[str] = HEALTH,
    ) -> None:
        self.app = app
        self.most = most
        self.in_work = 0
        self.arriving = 0
        self._stopping = stopping or Stopping()
        self._exempt = frozenset(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] in self._exempt and scope["method"] in _READING:
            if self._stopping.active and scope["path"] == READINESS:
                raise ProblemError(503, "this worker is stopping", headers={"connection": "close"})
            await self.app(scope, receive, self._closing(send))
            return
        place = _Place(self, receive)
        place.take(arriving=scope["method"] in _WITH_BODY)
        try:
            await self.app(scope, place.receive, self._closing(send))
        finally:
            place.leave()

    def _closing(self, send: Send) -> Send:
        async def send_and_close(message: Message) -> None:
            # Asked when the answer begins: the stop may have begun since the request did.
            if self._stopping.active and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        return send_and_close


class _Place:
    """One request's place, among those that arrive and then among those in work."""

    __slots__ = ("_arriving", "_of", "_receive")

    def __init__(self, of: Overload, receive: Receive) -> None:
        self._of = of
        self._receive = receive
        self._arriving: bool | None = None

    def take(self, arriving: bool) -> None:
        of = self._of
        if of.in_work >= of.most or of.arriving >= of.most * _ARRIVING:
            detail = (
                f"{of.most} requests are in work, the most that are taken; try again in {_RETRY_SECONDS} s"
            )
            raise ProblemError(429, detail, headers={"retry-after": str(_RETRY_SECONDS)})
        self._arriving = arriving
        of.arriving += arriving
        of.in_work += not arriving

    def leave(self) -> None:
        if self._arriving is not None:
            self._of.arriving -= self._arriving
            self._of.in_work -= not self._arriving
        self._arriving = None

    async def receive(self) -> Message:
        message = await self._receive()
        if self._arriving and message["type"] == "http.request" and not message.get("more_body", False):
            self.leave()
            self.take(arriving=False)
        return message
