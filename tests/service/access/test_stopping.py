from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.access.stopping import running_server
from tests.processes import web
from tests.service.access.wire import Workers, hear

REQUEST = b"POST /predict?seconds=%s HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


def end(workers: Workers, seconds: float = 10.0) -> float:
    """Send SIGTERM to the first worker and return how long it took to end."""
    began = time.monotonic()
    workers.processes[0].send_signal(signal.SIGTERM)
    workers.processes[0].wait(timeout=seconds)
    return time.monotonic() - began


def connect(workers: Workers) -> socket.socket:
    return socket.create_connection(("127.0.0.1", workers.port), timeout=10)


def test_outside_of_a_server_there_is_none_to_stop() -> None:
    assert running_server() is None


def test_a_rolling_stop_under_load_loses_no_request(workers: Callable[..., Workers]) -> None:
    found = workers()
    counts: Counter[str] = Counter()
    over = threading.Event()

    def ask(kept: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", found.port, timeout=10)
        while not over.is_set():
            try:
                connection.request("POST", "/predict?seconds=0.005", b"{}")
                answer = connection.getresponse()
                answer.read()
                counts[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                counts[type(error).__name__] += 1
                connection.close()
            if not kept:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for number in range(2):
        found.start()
        time.sleep(1.2)
        found.processes[number].send_signal(signal.SIGTERM)
        assert found.processes[number].wait(timeout=10) == -signal.SIGTERM
    over.set()
    for thread in threads:
        thread.join()
    assert set(counts) == {"200"}
    assert counts["200"] > 50


def test_requests_in_work_are_answered_and_the_shutdown_hooks_run(
    workers: Callable[..., Workers], tmp_path: Path
) -> None:
    found = workers(ended=str(tmp_path / "ended"))
    with connect(found) as connection:
        connection.sendall(REQUEST % b"1.5")
        time.sleep(0.3)
        took = end(found)
        heard = hear(connection)
    assert heard.statuses == [200]
    assert b"connection: close" in heard.content
    assert heard.closed
    assert 1 < took < 3
    assert (tmp_path / "ended").read_text() == "ended"


def test_readiness_goes_first_and_connections_are_taken_until_the_load_balancer_has_noticed(
    workers: Callable[..., Workers],
) -> None:
    found = workers(grace={"drain": 2.0})
    found.processes[0].send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert web.get(f"{found.url}/readyz").status_code == 503
    assert web.get(f"{found.url}/livez").status_code == 200
    answer = web.post(f"{found.url}/predict", json={})
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert found.processes[0].wait(timeout=10) == -signal.SIGTERM


def test_a_kept_connection_may_bring_one_more_request(workers: Callable[..., Workers]) -> None:
    found = workers(grace={"linger": 2.0})
    with connect(found) as connection:
        connection.sendall(REQUEST % b"0")
        assert hear(connection).statuses == [200]
        found.processes[0].send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(REQUEST % b"0")
        heard = hear(connection, 1.0)
    assert (heard.statuses, heard.closed) == ([200], True)
    found.processes[0].wait(timeout=1)


def test_a_connection_that_comes_too_late_is_left_to_the_next_worker(workers: Callable[..., Workers]) -> None:
    found = workers(grace={"linger": 2.0})
    with connect(found):
        time.sleep(0.1)
        found.processes[0].send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with connect(found) as late:
            late.sendall(REQUEST % b"0")
            assert hear(late, 0.5).content == b""
            found.start()
            assert hear(late, 10.0).statuses == [200]


def test_an_idle_client_delays_the_stop_by_half_a_second_at_most(workers: Callable[..., Workers]) -> None:
    found = workers()
    with connect(found), connect(found):
        assert end(found) < 2


def test_a_client_that_never_reads_its_answer_is_given_up(
    workers: Callable[..., Workers], tmp_path: Path
) -> None:
    found = workers(grace={"most": 0.5}, ended=str(tmp_path / "ended"))
    with connect(found) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(0.3)
        took = end(found)
    assert 0.5 < took < 4
    assert (tmp_path / "ended").exists()
    assert "1 requests were not over after 0.5 s" in found.log.read_text()


def test_a_second_signal_changes_nothing(workers: Callable[..., Workers]) -> None:
    found = workers()
    with connect(found) as connection:
        connection.sendall(REQUEST % b"1")
        time.sleep(0.2)
        for _ in range(3):
            found.processes[0].send_signal(signal.SIGTERM)
            time.sleep(0.05)
        assert hear(connection, 2.0).statuses == [200]
    assert found.processes[0].wait(timeout=10) == -signal.SIGTERM


@dataclass
class Orphanage:
    """A master that starts one worker, to be killed."""

    worker: Workers
    master: subprocess.Popen[bytes]
    pid: int

    def kill_master(self) -> None:
        self.master.kill()
        self.master.wait()

    def ended(self, seconds: float = 10.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _runs(self.pid):
            time.sleep(0.05)
        return not _runs(self.pid)


@pytest.fixture
def orphanage(tmp_path: Path) -> Iterator[Orphanage]:
    listener = socket.create_server(("127.0.0.1", 0))
    worker = Workers(listener, tmp_path / "worker.log", {"ended": str(tmp_path / "ended")})
    program = f"""
import socket, sys, time
from pathlib import Path
from tests.service.access.wire import Workers
listener = socket.socket(fileno={listener.fileno()})
workers = Workers(listener, Path({str(worker.log)!r}), {worker.options!r})
workers.start()
print(workers.pid, flush=True)
time.sleep(60)
"""
    master = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[3],
        pass_fds=[listener.fileno()],
        stdout=subprocess.PIPE,
    )
    assert master.stdout is not None
    worker.processes.append(master)
    pid = int(master.stdout.readline())
    yield Orphanage(worker, master, pid)
    if _runs(pid):
        os.kill(pid, signal.SIGKILL)
    master.kill()
    master.wait()
    master.stdout.close()
    listener.close()


def test_a_worker_stops_without_loss_when_its_master_is_killed(orphanage: Orphanage, tmp_path: Path) -> None:
    orphanage.worker.await_ready()
    with connect(orphanage.worker) as connection:
        connection.sendall(REQUEST % b"1")
        time.sleep(0.2)
        orphanage.kill_master()
        assert hear(connection, 3.0).statuses == [200]
    assert orphanage.ended()
    assert (tmp_path / "ended").exists()
    assert "the process that started this worker has ended" in orphanage.worker.log.read_text()


def test_a_worker_whose_master_is_killed_before_it_serves_stops_too(orphanage: Orphanage) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc by which to know the master")
    orphanage.kill_master()
    assert orphanage.ended()
    assert "the process that started this worker has ended" in orphanage.worker.log.read_text()


def _runs(pid: int) -> bool:
    # One that nobody waits for stays in the table of processes, and runs no longer.
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return not Path("/proc").exists()
    return False
