"""Small servers that behave as a service must not, or must: each request is answered as a function says."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

GOOD = json.dumps({"decision_id": "d", "contributions": [], "results": []}).encode()
STALL = 0.5


@dataclass
class Received:
    """What a server has received: its address, how many connections, and when each request came."""

    url: str = ""
    connections: int = 0
    at: list[float] = field(default_factory=list)


# Returns status and content, or None to break the connection off; it is given what was received so far.
Respond = Callable[[Received], Awaitable[tuple[int, bytes] | None]]


async def fine(_: Received) -> tuple[int, bytes] | None:
    """Answer at once."""
    return 200, GOOD


def stalling(after: float) -> Respond:
    """Return what answers nobody for half a second, once, so long after the first request."""

    async def respond(received: Received) -> tuple[int, bytes] | None:
        begin = received.at[0] + after
        if begin <= time.monotonic() < begin + STALL:
            await asyncio.sleep(begin + STALL - time.monotonic())
        return 200, GOOD

    return respond


@contextmanager
def serving(respond: Respond, keep_alive: float = 60.0) -> Iterator[Received]:
    """Serve on a free port; connections that were idle for so many seconds are closed."""
    received, ready, over = Received(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: _connection(reader, writer, respond, received, keep_alive), "127.0.0.1", 0
        )
        received.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        ready.set()
        await over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield received
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _connection(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    respond: Respond,
    received: Received,
    keep_alive: float,
) -> None:
    received.connections += 1
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), keep_alive)
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
            received.at.append(time.monotonic())
            answer = await respond(received)
            if answer is None:
                break
            status, content = answer
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(content), content))
            await writer.drain()
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass
    # Aborted, not closed: what broke off says no farewell either.
    writer.transport.abort() if not reader.at_eof() else writer.close()
