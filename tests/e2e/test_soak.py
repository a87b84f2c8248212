"""Nothing grows under load: memory, file descriptors, connections. AVAL_SOAK=500000 sends that many requests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.load import Measured, Plan, asked
from tests.e2e.supervised import Supervised
from tests.processes import Home
from tests.service.records import records

USE_CASE = "credit_risk"
REQUESTS = int(os.environ.get("AVAL_SOAK") or "4000")
ROUND_SECONDS = 2.0 if REQUESTS < 50_000 else 30.0
CONNECTIONS = 16
# What allocators may still take after the first rounds. A leak of 2 KB a request is 8 MB in the shortest run.
MOST_GROWTH = 6 * 2**20
MOST_DESCRIPTORS = 4


@dataclass(frozen=True)
class Held:
    """What the server's processes hold together: bytes, file descriptors and connections that are open."""

    memory: int
    descriptors: int
    connections: int


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_memory_descriptors_and_connections_do_not_grow_under_load(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'decisions.db'}"
    server = Supervised(quick_home(USE_CASE), USE_CASE, {"AVAL_DECISION_LOG": url})
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text("".join(json.dumps(record) + "\n" for record in records(USE_CASE)))
    with server.running():
        warm = [load(server, bodies, tmp_path) for _ in range(2)]
        before, sent = held(server), 0
        while sent < REQUESTS:
            measured = load(server, bodies, tmp_path)
            assert measured.errors == 0, measured
            sent += measured.requests
        after = held(server)
    assert warm[0].errors == 0, warm[0]
    assert after.memory - before.memory <= MOST_GROWTH, (before, after, sent)
    assert after.descriptors - before.descriptors <= MOST_DESCRIPTORS, (before, after)
    assert after.connections <= before.connections, (before, after)


def load(server: Supervised, bodies: Path, folder: Path) -> Measured:
    """Keep the server busy for a while."""
    plan = Plan(server.port, "/predict", str(bodies), CONNECTIONS, ROUND_SECONDS, 0.1)
    run = subprocess.run(asked(plan, folder), check=True, capture_output=True, text=True)
    return Measured(**json.loads(run.stdout))


def held(server: Supervised) -> Held:
    """Return what the server holds while nobody asks."""
    processes = [psutil.Process(number) for number in server.processes()]
    return Held(
        memory=sum(process.memory_info().rss for process in processes),
        descriptors=sum(process.num_fds() for process in processes),
        connections=sum(
            connection.status == psutil.CONN_ESTABLISHED
            for process in processes
            for connection in process.net_connections("tcp")
        ),
    )
