"""A load generator: keep-alive connections on raw sockets, in a process of its own.

    python tests/benchmarks/load.py PLAN.json

A plan is the JSON of `Plan`, and the answer on standard output that of `Measured`. A closed loop sends the next
request of a connection once the one before it is answered. An open loop sends at random moments of a fixed rate
(exponential gaps, one seed) whatever the answers do, and counts latencies from the moment that was intended, so that
a server that stalls cannot hide it. Timers have a resolution of a millisecond, which is part of what it measures.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
# What is still unanswered then counts as an error.
LAST_ANSWERS_SECONDS = 10.0
MOST_CONNECTIONS = 512


@dataclass(frozen=True)
class Plan:
    """What to send, where, and how: `rate` (requests/s) for an open loop, None for a closed one.

    seconds are measured after warm_up seconds, which are not. bodies is a file with one JSON body per line.
    """

    port: int
    path: str
    bodies: str
    connections: int
    seconds: float
    warm_up: float = 1.0
    rate: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class Measured:
    """What came of a plan: latencies in ms, requests in 1/s; `statuses` has 0 for what got no answer.

    processor: share of one processor that the generator itself needed; near 1 it is the bottleneck.
    """

    requests: int
    errors: int
    per_second: float
    p50: float
    p99: float
    most: float
    processor: float
    statuses: dict[str, int]


def main() -> None:
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(asdict(runner.run(measure(plan)))) + "\n")


async def measure(plan: Plan) -> Measured:
    """Send what the plan says and return what came of it."""
    bodies = Path(plan.bodies).read_bytes().splitlines()
    load = _Load(plan, [_request(plan, body) for body in bodies])
    await load.connect(plan.connections)
    await (load.closed() if plan.rate is None else load.open(plan.rate))
    return load.measured()


def _request(plan: Plan, body: bytes) -> bytes:
    headers = {"host": plan.host, "content-type": "application/json", "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **plan.headers}.items())
    return f"POST {plan.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One request at a time; `done(connection, status)` is called when it is answered, with 0 when it never will be."""

    def __init__(self, done: Callable[[_Connection, int], None]) -> None:
        self.intended = 0.0
        self.busy = False
        self._done = done
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What uvloop gives is no subclass of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def send(self, request: bytes, intended: float) -> None:
        assert self._transport is not None
        self.intended, self.busy = intended, True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.find(LENGTH)
        if start < 0:
            raise ValueError(f"an answer without content-length: {head[:200]!r}")
        length = int(head[start + len(LENGTH) :].partition(b"\r\n")[0])
        if len(self._buffer) >= end + len(HEAD_END) + length:
            self._buffer = b""
            if b"connection: close" in head:
                self.close()
            self._finish(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.busy:
            self._finish(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _finish(self, status: int) -> None:
        self.busy = False
        self._done(self, status)


class _Load:
    """The connections, what waits for them, and what was measured so far."""

    def __init__(self, plan: Plan, requests: list[bytes]) -> None:
        self._plan, self._requests = plan, requests
        self._connections: list[_Connection] = []
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._latencies: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._sent = 0
        self._closed_loop = plan.rate is None
        self._opening: set[asyncio.Task[None]] = set()
        self._begin = self._end = 0.0
        self._processor = 0.0

    async def connect(self, count: int) -> None:
        await asyncio.gather(*(self._connect() for _ in range(count)))

    async def closed(self) -> None:
        """Keep every connection busy until the time is over."""
        self._set_times()
        for connection in list(self._idle):
            self._send(connection, time.perf_counter())
        await self._rest()

    async def open(self, rate: float) -> None:
        """Send at the moments of a Poisson process, on whatever connection is idle, or on a new one."""
        self._set_times()
        gaps, moment = random.Random(0), time.perf_counter()  # noqa: S311 - the same moments every time
        while moment < self._end:
            await asyncio.sleep(max(moment - time.perf_counter(), 0))
            now = time.perf_counter()
            while moment <= now and moment < self._end:
                self._dispatch(moment)
                moment += gaps.expovariate(rate)
        await self._rest()

    def measured(self) -> Measured:
        """Return what was measured between warm-up and end; unanswered requests count as errors of status 0."""
        unanswered = len(self._waiting) + sum(connection.busy for connection in self._connections)
        statuses = self._statuses + Counter({0: unanswered})
        ordered = sorted(self._latencies) or [float("nan")]
        good = sum(count for status, count in statuses.items() if status == 200)
        return Measured(
            requests=statuses.total(),
            errors=statuses.total() - good,
            per_second=good / self._plan.seconds,
            p50=_quantile(ordered, 0.5) * 1e3,
            p99=_quantile(ordered, 0.99) * 1e3,
            most=ordered[-1] * 1e3,
            processor=self._processor,
            statuses={str(status): count for status, count in sorted(statuses.items())},
        )

    def _set_times(self) -> None:
        self._begin = time.perf_counter() + self._plan.warm_up
        self._end = self._begin + self._plan.seconds
        self._used, self._from = _processor_seconds(), time.perf_counter()

    async def _rest(self) -> None:
        await asyncio.sleep(max(self._end - time.perf_counter(), 0))
        self._processor = (_processor_seconds() - self._used) / (time.perf_counter() - self._from)
        deadline = time.perf_counter() + LAST_ANSWERS_SECONDS
        while time.perf_counter() < deadline and (
            self._waiting or any(connection.busy for connection in self._connections)
        ):
            await asyncio.sleep(0.01)
        await asyncio.gather(*self._opening)
        for connection in self._connections:
            connection.close()
        # They are closed in the loop's next turn, which would not come.
        await asyncio.sleep(0.01)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self._answered), self._plan.host, self._plan.port
        )
        self._connections.append(connection)
        self._next(connection, time.perf_counter())

    def _dispatch(self, intended: float) -> None:
        while self._idle:
            connection = self._idle.popleft()
            if connection.is_open:
                self._send(connection, intended)
                return
        self._waiting.append(intended)
        if len(self._connections) + len(self._opening) < MOST_CONNECTIONS:
            self._open_another()

    def _open_another(self) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _send(self, connection: _Connection, intended: float) -> None:
        connection.send(self._requests[self._sent % len(self._requests)], intended)
        self._sent += 1

    def _answered(self, connection: _Connection, status: int) -> None:
        now = time.perf_counter()
        if self._begin <= connection.intended and (not self._closed_loop or now <= self._end):
            self._statuses[status] += 1
            self._latencies.append(now - connection.intended)
        if not connection.is_open:
            self._connections.remove(connection)
            if now < self._end:
                self._open_another()
        else:
            self._next(connection, now)

    def _next(self, connection: _Connection, now: float) -> None:
        if self._closed_loop and now < self._end:
            self._send(connection, now)
        elif self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def asked(plan: Plan, folder: Path) -> list[Any]:
    """Return the command that runs a plan, which it writes into the folder."""
    file = folder / "plan.json"
    file.write_text(json.dumps(asdict(plan)))
    return [sys.executable, __file__, file]


if __name__ == "__main__":
    main()
