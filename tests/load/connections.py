"""Keep-alive connections, for gevent: nothing is ever sent twice.

Locust's fast client sends a request again, unseen, when its connection breaks, as often as it has connections: a
service that resets half of them would look sound. Here a connection that the other side has closed while it was idle is
replaced before anything is sent on it, and one that breaks later is an error.
"""

from __future__ import annotations

import http.client
import select
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

import gevent  # type: ignore[import-untyped]
from gevent import monkey
from gevent.lock import BoundedSemaphore  # type: ignore[import-untyped]

MOST_CONNECTIONS = 512


class TimedOut(Exception):
    """No whole answer came in time."""


class Connections:
    """Connections to one host, each with one request at a time; who finds none free waits for one."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        parts = urlsplit(url)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._place = parts.netloc.rpartition("@")[2]
        self._before = parts.path.rstrip("/")
        self._headers, self._timeout = {"content-type": "application/json", **headers}, timeout
        self._free = BoundedSemaphore(MOST_CONNECTIONS)
        self._idle: deque[http.client.HTTPConnection] = deque()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and content of the answer; raises `TimedOut`, OSError or `http.client.HTTPException`."""
        with gevent.Timeout(self._timeout, TimedOut(f"no answer within {self._timeout:g} s")), self._free:
            connection = self._take()
            try:
                connection.request("POST", self._before + path, body, self._headers)
                answer = connection.getresponse()
                content = answer.read()
            except BaseException:
                connection.close()
                raise
            if connection.sock is not None:
                self._idle.append(connection)
            return answer.status, content

    def _take(self) -> http.client.HTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if not _has_ended(connection):
                return connection
            connection.close()
        return self._kind(self._place)


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """Return whether there is something to read where nothing was asked: the other side's farewell."""
    # The system's own poll, which returns at once: gevent's would let others run first.
    poll = monkey.get_original("select", "poll")()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
