"""One retraining of a use case at a time, among all that share a model store."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from service.model_store import CHAMPIONS
from training.retrain.ending import AtWork


@contextmanager
def at_work(use_case: str, bentoml_home: Path) -> Iterator[None]:
    """Hold the right to retrain a use case; raises `AtWork`, which says who has it, instead of waiting.

    The system takes it back from a process that ends, however it ends.
    """
    folder = bentoml_home / CHAMPIONS
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".{use_case}.retraining"
    with file.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AtWork(
                f"another retraining of {use_case} is at work: {file.read_text('utf-8').strip() or 'just begun'}; "
                "wait until it has ended"
            ) from None
        _sign(held.fileno())
        yield


def _sign(file: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(file, 0)
    os.write(file, f"process {os.getpid()} on {socket.gethostname()} since {since}\n".encode())
