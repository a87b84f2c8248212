"""A receiver of webhooks on a port of this machine, which answers as a test tells it to."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request: its path, its headers by their names in lower case, and its body."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebReceiver:
    """statuses: of the next answers; 200 after them. silent: seconds before an answer.

    trickle: seconds between the bytes of an answer. moved_to: where redirects lead.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    silent: float = 0.0
    trickle: float = 0.0
    moved_to: str = ""
    received: list[Received] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids of the messages received, in order."""
        return [request.headers["idempotency-key"] for request in self.received]

    @property
    def steps(self) -> list[str]:
        """What the messages received are about, in order."""
        return [request.json["step"] for request in self.received]


@contextmanager
def web_receiver(context: ssl.SSLContext | None = None) -> Iterator[WebReceiver]:
    """Receive until the block ends; with a context by https."""
    receiver = WebReceiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.url = f"http{'' if context is None else 's'}://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: WebReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            # The other side may have gone, for it waits only so long.
            with suppress(OSError):
                super().handle_one_request()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            time.sleep(receiver.silent)
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            for byte in b"HTTP/1.1 200 OK" if receiver.trickle else b"":
                self.wfile.write(bytes([byte]))
                time.sleep(receiver.trickle)
            self.send_response(status)
            if receiver.moved_to:
                self.send_header("location", receiver.moved_to)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.received.append(Received(self.path, {}, b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
