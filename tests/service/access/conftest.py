"""Workers without a model, for tests that break things."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service.access.wire import Workers


@contextmanager
def starting(folder: Path) -> Iterator[Callable[..., Workers]]:
    with ExitStack() as stack:

        def started(**options: Any) -> Workers:
            listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
            found = Workers(listener, folder / f"worker-{listener.getsockname()[1]}.log", options)
            stack.callback(found.stop)
            found.start()
            found.await_ready()
            return found

        yield started


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[..., Workers]]:
    """`workers(**options)`: a worker of its own, ready to answer."""
    with starting(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """A worker that waits for one second, and lets 60 connect."""
    if not Path("/proc").exists():
        pytest.skip("no /proc to look into")
    limits = {"head_seconds": 1.0, "write_seconds": 1.0, "most": 60}
    with starting(tmp_path_factory.mktemp("hasty")) as started:
        yield started(limits=limits, body_seconds=1.0)
