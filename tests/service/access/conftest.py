"""Workers without a model, for tests that break things."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.service.access.wire import Workers


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[..., Workers]]:
    """`workers(**options)`: a worker of its own, ready to answer."""
    with ExitStack() as stack:

        def started(**options: Any) -> Workers:
            listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
            found = Workers(listener, tmp_path / "worker.log", options)
            stack.callback(found.stop)
            found.start()
            found.await_ready()
            return found

        yield started
