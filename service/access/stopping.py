"""The life of a worker process: it stops without losing a request, and does not outlive its master."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from service.access.addresses import inherited_listener
from service.access.connections import Limits, bound_connections
from service.access.overload import Stopping

_LOG = logging.getLogger(__name__)
_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a stop may take, in seconds.

    drain: between saying "not ready" and taking no more connections: what a load balancer needs to notice.
    linger: for which open connections may then bring one more request, answered with `Connection: close`.
    most: for requests that are still in work after that; then their connections are closed.
    """

    drain: float = 0.0
    linger: float = 0.5
    most: float = 30.0


def begin_serving(stopping: Stopping, grace: Grace | None = None, limits: Limits | None = None) -> None:
    """Bound this worker's connections, and have it stop without loss: to be called once, while the server starts.

    Outside of a running server nothing happens.
    """
    server = running_server()
    if server is None:
        return
    bound_connections(server, limits or Limits())
    stop_gracefully(server, stopping, grace or Grace())
    end_with_parent(inherited_listener())


def running_server() -> uvicorn.Server | None:
    """Return the server whose main loop this process runs, None where it is no server.

    BentoML keeps it to itself. It is whose method answers SIGTERM from before the start-up hooks on.
    """
    handler = signal.getsignal(signal.SIGTERM)
    found = getattr(handler, "__self__", None)
    return found if isinstance(found, uvicorn.Server) else None


def stop_gracefully(server: uvicorn.Server, stopping: Stopping, grace: Grace) -> None:
    """Answer SIGTERM by a stop that loses no request: to be called in the main thread while the server starts.

    Readiness goes first, the listening socket second, each connection with its next answer, the process last. uvicorn
    alone closes every idle connection at once, also those whose request has arrived and was not read yet.
    """
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        tasks.append(loop.create_task(_stop(server, grace)))

    def on_signal(*_: object) -> None:
        # The master sends one when it was sent one, and so may whoever signals the whole group.
        if not stopping.active:
            stopping.active = True
            loop.call_soon_threadsafe(begin)

    signal.signal(signal.SIGTERM, on_signal)


def end_with_parent(listener: int | None = None, seconds: float = 0.5) -> None:
    """Stop gracefully when the process that started this one ends, however it ends; looked at every so many seconds.

    BentoML's master stops its workers when it can; killed, it cannot, and they would hold the port. It may have been
    killed before this is called: then the present parent does not hold the socket `listener`, as the master does.
    """
    parent = os.getppid()
    orphan = listener is not None and _lacks(parent, listener)

    def watch() -> None:
        while os.getppid() == parent and not orphan:
            time.sleep(seconds)
        _LOG.error("the process that started this worker has ended; the worker stops too")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _lacks(process: int, listener: int) -> bool:
    """Return whether a process is known not to hold the socket; without /proc nothing is known."""
    folder, own, held = Path("/proc") / str(process), os.fstat(listener).st_ino, set()
    try:
        for file in (folder / "fd").iterdir():
            with suppress(FileNotFoundError):
                held.add(file.stat().st_ino)
    except PermissionError:
        # Orphans go to the first process. In a container that may be the master; elsewhere nobody may look into it.
        return process == 1 and b"bentoml" not in (folder / "cmdline").read_bytes()
    except OSError:
        return False
    return own not in held


async def _stop(server: uvicorn.Server, grace: Grace) -> None:
    _LOG.info("stopping: not ready, and in %g s no more connections", grace.drain)
    await asyncio.sleep(grace.drain)
    # Other workers go on accepting from the same socket.
    for listener in getattr(server, "servers", ()):
        listener.close()
    deadline = time.monotonic() + grace.linger
    while server.server_state.connections and time.monotonic() < deadline:
        await asyncio.sleep(_TICK_SECONDS)
    server.handle_exit(signal.SIGTERM, None)
    await asyncio.sleep(grace.most)
    if left := list(server.server_state.connections):
        _LOG.error(
            "%d requests were not over after %g s; their connections are closed", len(left), grace.most
        )
    for connection in left:
        # A connection of a kind that has none is over already.
        if transport := getattr(connection, "transport", None):
            transport.abort()
