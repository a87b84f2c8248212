"""The outermost middleware: every request is counted, timed and written down once, however it ends."""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.online.metrics import OTHER, Metrics
from service.online.request_log import RequestLog

# Asked every few seconds by whoever watches over the service.
UNWRITTEN = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})


class Observer:
    """Counts and times each request, and writes its line: route, status, milliseconds, ids and decision."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, lines: RequestLog | None, routes: frozenset[str]
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.lines = lines
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            self._answered(scope, status, perf_counter() - started)

    def _answered(self, scope: Scope, status: int, seconds: float) -> None:
        # A path that is none of ours may hold anything, a person's name included.
        route = scope["path"] if scope["path"] in self.routes else OTHER
        self.metrics.answered(route, scope["method"], status, seconds)
        if self.lines is not None and route not in UNWRITTEN:
            state = scope.get("state", {})
            self.lines.write(
                request_id=state.get("request_id"),
                method=scope["method"],
                route=route,
                status=status,
                ms=round(seconds * 1000, 3),
                key=state.get("key_id", ""),
                **state.get("told", {}),
            )
