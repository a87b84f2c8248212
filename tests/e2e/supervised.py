"""A server that is started again whenever it ends, and callers that take down what they were answered."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.processes import PROGRAMS, START_SECONDS, Home, free_port, web

Record = dict[str, Any]
# What a client must reckon with while a server goes down or its log is away.
PASSING = (429, 503)


@dataclass(frozen=True)
class Received:
    """An answer that a caller has: request id, decision id, probability, and whether it had an Idempotency-Key."""

    request_id: str
    decision_id: str
    probability: float
    keyed: bool


@dataclass
class Supervised:
    """`bentoml serve` under a loop that starts it again, as a container runtime does."""

    home: Home
    model: str
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    starts: int = 0
    _master: subprocess.Popen[bytes] | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.home.folder / f"supervised-{self.port}.log"

    @contextmanager
    def running(self) -> Iterator[Supervised]:
        """Yield once it is ready; every process of it is gone afterwards."""
        thread = threading.Thread(target=self._supervise)
        thread.start()
        try:
            self.await_ready()
            yield self
        finally:
            self._over.set()
            for process in self.processes():
                os.kill(process, signal.SIGKILL)
            thread.join()

    def processes(self) -> list[int]:
        """Return the ids of the master and of all that it started, the master first."""
        if self._master is None or self._master.poll() is not None:
            return []
        try:
            master = psutil.Process(self._master.pid)
            return [master.pid, *(child.pid for child in master.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def await_ready(self) -> float:
        """Return after how many seconds it was ready; what it printed is the error when it is not."""
        begin = time.monotonic()
        while time.monotonic() < begin + START_SECONDS:
            try:
                if web.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return time.monotonic() - begin
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {START_SECONDS} s: {self.log.read_text()[-3000:]}")

    def _supervise(self) -> None:
        program = str(PROGRAMS / "bentoml")
        command = [program, "serve", "service.app:RiskService", "--port", str(self.port)]
        environment = self.home.environment(AVAL_MODEL=self.model, **self.settings)
        while not self._over.is_set():
            with self.log.open("ab") as output:
                self.starts += 1
                self._master = subprocess.Popen(
                    command, env=environment, stdout=output, stderr=output, start_new_session=True
                )
            self._master.wait()
            self._over.wait(0.2)


class Callers:
    """Threads that ask for decisions until they are stopped, and keep what they were answered.

    Every other request has an Idempotency-Key, and is sent again with it until it is answered.
    """

    def __init__(self, port: int, records: Sequence[Record], count: int = 16) -> None:
        self.received: list[Received] = []
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._port, self._records = port, records
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(count)]

    @contextmanager
    def calling(self) -> Iterator[Callers]:
        """Call while the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _call(self, number: int) -> None:
        connection = _Connection(self._port)
        records = cycle([*self._records[number:], *self._records[:number]])
        keyed = False
        while not self._over.is_set():
            keyed, request_id, record = not keyed, uuid.uuid4().hex, next(records)
            while not self._ask(connection, request_id, record, keyed) and keyed and not self._over.is_set():
                # A pause, lest a server that is starting be kept busy with refusals.
                self._over.wait(0.05)
        connection.close()

    def _ask(self, connection: _Connection, request_id: str, record: Record, keyed: bool) -> bool:
        status, body = connection.post(record, request_id, request_id if keyed else "")
        self.statuses[status] += 1
        if status == 200:
            self.received.append(Received(request_id, body["decision_id"], body["probability"], keyed))
        elif status and status not in PASSING:
            self.wrong.append(f"{status}: {body}")
        return status == 200


class _Connection:
    """A connection that is kept, and made anew after it broke."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, record: Record, request_id: str, key: str) -> tuple[int, Any]:
        """Return status and body, 0 and None where the answer never came."""
        headers = {"content-type": "application/json", "x-request-id": request_id}
        if key:
            headers["idempotency-key"] = key
        try:
            self._http.request("POST", "/predict", json.dumps(record), headers)
            answer = self._http.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self._http.close()
            # Nobody is there for a moment; asking in a tight loop would only slow the start down.
            time.sleep(0.05)
            return 0, None

    def close(self) -> None:
        self._http.close()
