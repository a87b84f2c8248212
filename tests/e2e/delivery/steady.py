"""Callers that ask at a steady rate, whatever becomes of the requests before, and take down what they were answered."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CALLERS = 64
PATIENCE = 60.0


@dataclass(frozen=True)
class Asked:
    """A request and what came of it; times in seconds since 1970, status 0 for no answer.

    due: when it was to be sent; latencies count from then. keyed: whether it had an Idempotency-Key.
    """

    request_id: str
    keyed: bool
    due: float
    sent: float
    ended: float
    status: int
    answer: Any

    @property
    def latency(self) -> float:
        return self.ended - self.due


@dataclass
class Steady:
    """So many requests a second on kept connections, every other one with an Idempotency-Key."""

    host: str
    port: int
    key: str = field(repr=False)
    records: Sequence[dict[str, Any]]
    rate: float
    asked: list[Asked] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _own: threading.local = field(default_factory=threading.local)

    @contextmanager
    def calling(self) -> Iterator[Steady]:
        """Ask while the block runs; afterwards every request has ended."""
        with ThreadPoolExecutor(CALLERS) as callers:
            clock = threading.Thread(target=self._keep_time, args=(callers,))
            clock.start()
            try:
                yield self
            finally:
                self._over.set()
                clock.join()

    def _keep_time(self, callers: ThreadPoolExecutor) -> None:
        begin, number = time.time(), 0
        while not self._over.is_set():
            due = begin + number / self.rate
            time.sleep(max(0.0, due - time.time()))
            callers.submit(self._ask, number, due)
            number += 1

    def _ask(self, number: int, due: float) -> None:
        request_id, keyed = uuid.uuid4().hex, number % 2 == 0
        headers = {"content-type": "application/json", "x-request-id": request_id, "x-api-key": self.key}
        if keyed:
            headers["idempotency-key"] = request_id
        body = json.dumps(self.records[number % len(self.records)])
        sent = time.time()
        status, answer = self._post(body, headers)
        self.asked.append(Asked(request_id, keyed, due, sent, time.time(), status, answer))

    def _post(self, body: str, headers: dict[str, str]) -> tuple[int, Any]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
            self._own.connection = connection
        try:
            connection.request("POST", "/predict", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            return 0, repr(error)
