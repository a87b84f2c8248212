"""The real nginx with the real configuration of compose, in front of small servers that misbehave as they are told."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from tests.processes import free_port

CONFIGURATION = Path(__file__).resolve().parents[2] / "infra" / "compose" / "nginx"
START_SECONDS = 10.0
Manner = Literal["answers", "dies", "hangs"]
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Replica:
    """A server that takes down what it is asked; `manner` is what it then does, `ready` what /readyz says.

    answers: 200 with the request's id. dies: resets the connection. hangs: says nothing for two seconds.
    """

    name: str
    port: int = field(default_factory=free_port)
    manner: Manner = "answers"
    ready: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@dataclass(frozen=True)
class Balanced:
    """An nginx that is up, its replicas, and its folder."""

    port: int
    replicas: tuple[Replica, Replica]
    folder: Path
    client: httpx.Client

    @property
    def log(self) -> list[dict[str, Any]]:
        """The access log's lines."""
        return [json.loads(line) for line in (self.folder / "output").read_text().splitlines()]

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What the replicas were asked, one after the other."""
        return [request for replica in self.replicas for request in replica.asked]

    def post(self, path: str = "/predict", content: Any = b"{}", **headers: str) -> httpx.Response:
        """Post a body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=content, headers=sent)

    def get(self, path: str) -> httpx.Response:
        """Get a path."""
        return self.client.get(path)

    def say_ready(self, *numbers: int) -> None:
        """Have the replicas with these numbers, 1 and 2, be taken for ready, and no other."""
        for number in (1, 2):
            file = self.folder / "ready" / str(number)
            file.touch() if number in numbers else file.unlink(missing_ok=True)

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are, and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: line.recv(65536), b""))


@contextmanager
def balanced(folder: Path, *changes: tuple[str, str], listen: str = "listen {port};") -> Iterator[Balanced]:
    """Yield nginx in front of two replicas; each change replaces one text of the configuration by another."""
    program = nginx()
    (folder / "ready").mkdir(parents=True)
    with ExitStack() as stack:
        replicas = (Replica("first"), Replica("second"))
        for replica in replicas:
            replica.start()
            stack.callback(replica.stop)
        port = free_port()
        ready = f"set $ready_folder {folder}/ready;"
        (folder / "listen.conf").write_text(listen.format(port=f"127.0.0.1:{port}") + "\n" + ready)
        _configure(folder, replicas, changes)
        # Its workers would be somebody else, whom pytest's folders are closed to.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        command = [program, "-e", "stderr", "-p", str(folder), "-c", "nginx.conf", *user]
        with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
            process = subprocess.Popen(command, stdout=output, stderr=errors)
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        # Reading the system's certificates for each would take longer than all else.
        client = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=False, timeout=10)  # noqa: S501
        )
        found = Balanced(port, replicas, folder, client)
        _await_listening(found, process)
        yield found


def nginx() -> str:
    """Return the program; without it a test is skipped, and fails under AVAL_REQUIRE=1."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is not None:
        return program
    reason = "no nginx on the path; install it: apt-get install nginx-light"
    if os.environ.get("AVAL_REQUIRE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _configure(folder: Path, replicas: Sequence[Replica], changes: Sequence[tuple[str, str]]) -> None:
    pending = dict(changes)
    for name in ("nginx.conf", "limits.conf", "problem.conf", "replicas.conf"):
        text = (CONFIGURATION / name).read_text("utf-8")
        for number, replica in enumerate(replicas, 1):
            text = text.replace(f"online-{number}:3000", f"127.0.0.1:{replica.port}")
        for old in [old for old in pending if old in text]:
            text = text.replace(old, pending.pop(old))
        (folder / name).write_text(text, "utf-8")
    assert not pending, f"the configuration does not hold {list(pending)}"


def _await_listening(server: Balanced, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            return
        time.sleep(0.02)
    raise AssertionError(f"nginx did not start: {(server.folder / 'errors').read_text()}")


def _handler(replica: Replica) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "POST", "PUT"):
        setattr(Handler, f"do_{method}", lambda handler: _answer(handler, replica))
    return Handler


def _answer(handler: BaseHTTPRequestHandler, replica: Replica) -> None:
    body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
    if handler.path == "/readyz":
        _send(handler, replica.ready, {})
        return
    headers = {name.lower(): value for name, value in handler.headers.items()}
    replica.asked.append(
        {
            "method": handler.command,
            "path": handler.path,
            "headers": headers,
            "body": body,
            "by": replica.name,
        }
    )
    if replica.manner == "dies":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        handler.connection.close()
        handler.close_connection = True
        return
    if replica.manner == "hangs":
        time.sleep(2)
    _send(handler, 200, {"by": replica.name})


def _send(handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    with suppress(OSError):
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
