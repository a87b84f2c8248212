"""A server that seems to decide, for what must tell it from one that does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def pretending(answers: dict[str, tuple[int, object]]) -> Iterator[str]:
    """Yield the URL of a server that seems to decide, except for these answers by path."""
    seeming = {
        "/readyz": (200, {}),
        "/model_metadata": (200, {"model": "m:1"}),
        "/schema": (200, {"examples": [{}]}),
    }

    class Pretender(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._tell(*(seeming | answers)[self.path])

        def do_POST(self) -> None:
            record = json.loads(self.rfile.read(int(self.headers["content-length"])))
            refused = {"errors": [{"field": name} for name in record]}
            ids = {"decision_id": "1", "request_id": self.headers["x-request-id"]}
            decided = {"decision": "approve", "probability": 0.5, **ids}
            self._tell(*answers.get(self.path, (422, refused) if record else (200, decided)))

        def _tell(self, status: int, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            if status in (302, 307):
                self.send_header("location", str(body or "/readyz"))
            self.send_header("content-type", "application/problem+json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Pretender) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
