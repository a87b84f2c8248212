"""What a connection may do before there is a request: the server's protocol, with bounds where it has none."""

from __future__ import annotations

import asyncio
import json
import resource
import uuid
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.problems import PROBLEM_JSON, REQUEST_ID, ProblemError

# Up to so many times the most connections, one too many is told so; beyond, telling would cost what is short.
_TOLD = 1.25
# Files and sockets that are no client's connection.
_OTHER_FILES = 128
# For which what a refused client still sends is read and thrown away.
_LAST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a worker's connections.

    most: connections at once, or fewer where the process may open few files; the next is told 503 and closed.
    head_bytes: request line and headers together; also what may come between two pieces of a body.
    head_seconds: from the first byte, or from connecting, until a head is complete.
    write_seconds: for which a client may leave an answer unread.
    pipelined: requests sent ahead on one connection.
    """

    most: int = 4_000
    head_bytes: int = 2**16
    head_seconds: float = 10.0
    write_seconds: float = 20.0
    pipelined: int = 32


@dataclass(slots=True)
class _Wait:
    """For what a connection waits, and since when; what is waited for changes with every step forward."""

    what: Any = field(default_factory=object)
    since: float = 0.0


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with bounds on heads, on waiting and on pipelining; errors are problems here too.

    Without it a head may grow and take its time without end, and each connection holds memory and a file descriptor.
    """

    limits: ClassVar[Limits] = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or refuse one too many."""
        self._unfinished = 0
        self._problem: ProblemError | None = None
        self._refused = False
        self._running: RequestResponseCycle | None = None
        self._wait = _Wait()
        super().connection_made(transport)
        if len(self.connections) > self.limits.most * _TOLD:
            self.transport.abort()
        elif len(self.connections) > self.limits.most:
            detail = "too many connections are open; try again in 1 s"
            self.refuse(ProblemError(503, detail, headers={"retry-after": "1"}))

    def data_received(self, data: bytes) -> None:
        """Read on, while what has come belongs to something that can be finished."""
        if self._refused:
            return
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > self.limits.head_bytes and not self._refused:
            self.refuse(self._too_large())

    def on_headers_complete(self) -> None:
        """Begin to answer, where the head is within bounds."""
        if self._unfinished > self.limits.head_bytes and self._head_size() > self.limits.head_bytes:
            self._fail(self._too_large())
        if len(self.pipeline) >= self.limits.pipelined:
            self._fail(ProblemError(429, f"more than {self.limits.pipelined} requests were sent ahead"))
        self._unfinished = 0
        super().on_headers_complete()
        # Headers behind a chunked body are nobody's: they would come into the scope after it was read.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._unfinished = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self.refuse(self._problem or ProblemError(400, "this is not a valid HTTP/1.1 request"))

    def refuse(self, problem: ProblemError) -> None:
        """Answer with a problem of the connection itself, and close it."""
        self._refused = True
        # Whatever was asked for before on this connection has nobody left to answer.
        self.pipeline.clear()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        if not self.transport.is_closing():
            self.transport.write(_answer(problem))
            self._close_politely()

    def look(self, now: float) -> None:
        """Close the connection if it has waited too long for its client; to be called about once a second."""
        if self._refused:
            return
        unread = self.transport.get_write_buffer_size()
        what = (id(self.cycle), unread)
        if not (unread or self._awaits_head()) or what != self._wait.what:
            self._wait = _Wait(what, now)
        elif unread and now - self._wait.since > self.limits.write_seconds:
            self.transport.abort()
        elif not unread and now - self._wait.since > self.limits.head_seconds:
            seconds = f"{self.limits.head_seconds:g}"
            self.refuse(ProblemError(408, f"no complete request came within {seconds} seconds"))

    def _close_politely(self) -> None:
        # Closed with bytes unread, the connection would be reset, and the answer lost with it.
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
            self.loop.call_later(_LAST_SECONDS, self.transport.abort)
        else:
            self.transport.close()

    def _awaits_head(self) -> bool:
        # Between two requests uvicorn has a timer of its own, until the first byte of the next.
        between = self.timeout_keep_alive_task is not None
        fresh = self.cycle is None  # as uvicorn begins
        return not between and (fresh or self.cycle.response_complete)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # `cycle` of the base class is the request read last, which may still queue behind this one.
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade had been asked for, and close: what follows would be in another protocol."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _too_large(self) -> ProblemError:
        return ProblemError(431, f"the head is larger than {self.limits.head_bytes} bytes, the most accepted")

    def _fail(self, problem: ProblemError) -> None:
        self._problem = problem
        # The parser turns it into an error of its own, for which uvicorn calls send_400_response.
        raise problem


def within_files(limits: Limits, files: int) -> Limits:
    """Return the limits with no more connections than the process may open files, and some to spare."""
    return replace(limits, most=max(1, min(limits.most, int((files - _OTHER_FILES) / _TOLD))))


def bound_connections(server: uvicorn.Server, limits: Limits) -> None:
    """Give every connection of a server that is starting these bounds, until its loop ends."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    within = limits if files == resource.RLIM_INFINITY else within_files(limits, files)
    protocol = type("BoundedProtocol", (BoundedProtocol,), {"limits": within})
    server.config.http_protocol_class = protocol
    # Nothing here speaks another protocol than HTTP.
    server.config.ws_protocol_class = None
    loop = asyncio.get_running_loop()

    def look() -> None:
        now = loop.time()
        for connection in list(server.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.look(now)
        loop.call_later(1.0, look)

    look()


def _answer(problem: ProblemError) -> bytes:
    request_id = uuid.uuid4().hex
    body = json.dumps(problem.as_json(request_id)).encode()
    headers = {
        "content-type": PROBLEM_JSON,
        "content-length": str(len(body)),
        REQUEST_ID: request_id,
        "x-content-type-options": "nosniff",
        "connection": "close",
        **problem.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    status = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
    return f"{status}{lines}\r\n".encode() + body
