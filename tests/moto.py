"""An S3 for tests: moto behind a socket, so that boto3 speaks to it as to any other; and a line to it that fails."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

KEYS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    # Whatever the machine has must not be found.
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
# What can go wrong with a request, with how it looks to the client.
FAULTS = ("slow down", "internal error", "reset before", "reset after", "cut short")


@dataclass(frozen=True)
class Moto:
    """A running S3 at `url`."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use it."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.url}

    def client(self) -> Any:
        """Return a client that needs no environment."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
            region_name="us-east-1",
        )

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"tests-{uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def contents(self, bucket: str) -> dict[str, bytes]:
        """Return all objects of a bucket by their keys."""
        client = self.client()
        keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", ())]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def uploads(self, bucket: str) -> list[str]:
        """Return the keys to which something is being sent in parts."""
        begun = self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", ())
        return [upload["Key"] for upload in begun]


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[Moto]:
    """An S3 of this process, which outlives any that a test kills."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    with _one_write_at_a_time():
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield Moto(f"http://{host}:{port}")
        server.stop()


@pytest.fixture
def bucket(moto_s3: Moto, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, whose S3 this process uses while the test runs."""
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return moto_s3.new_bucket()


@dataclass
class FlakyLine:
    """A way to a server on which some requests fail; `seed` says which.

    refusal: status and code that every request is answered with, None for none. counts: of what happened.
    """

    target: str
    rate: float
    seed: int = 0
    url: str = ""
    refusal: tuple[int, str] | None = None
    counts: Counter[str] = field(default_factory=Counter)
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  # faults, not secrets

    def fault(self) -> str | None:
        """Return what goes wrong with the next request, None if nothing does."""
        found = self.random.choice(FAULTS) if self.random.random() < self.rate else None
        self.counts[found or "passed"] += 1
        return found


@contextmanager
def flaky_line(target: str, rate: float, seed: int = 0) -> Iterator[FlakyLine]:
    """Pass requests on to `target`, and let a part of them fail: refused, broken off before or after they took effect.

    Use its `url` where the server's own would stand, such as in AWS_ENDPOINT_URL.
    """
    line = FlakyLine(target, rate, seed)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(line))
    server.daemon_threads = True
    line.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(line: FlakyLine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            # The client may go away at any time.
            with suppress(ConnectionError):
                super().handle_one_request()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", lambda handler: _answer(handler, line))
    return Handler


def _answer(handler: BaseHTTPRequestHandler, line: FlakyLine) -> None:
    body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
    fault = line.fault()
    if line.refusal is not None:
        _refuse(handler, *line.refusal)
    elif fault == "reset before":
        _reset(handler)
    elif fault in ("slow down", "internal error"):
        _refuse(handler, *((503, "SlowDown") if fault == "slow down" else (500, "InternalError")))
    else:
        _pass_on(handler, line.target, body, fault)


def _pass_on(handler: BaseHTTPRequestHandler, target: str, body: bytes, fault: str | None) -> None:
    connection = HTTPConnection(urlsplit(target).netloc, timeout=30)
    try:
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "expect"}
        connection.request(handler.command, handler.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if fault == "reset after":
        _reset(handler)
        return
    kept = [
        pair for pair in answer.getheaders() if pair[0].lower() not in ("connection", "transfer-encoding")
    ]
    _send(handler, answer.status, dict(kept), content, cut=fault == "cut short")


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    cut: bool = False,
) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if "content-length" not in {name.lower() for name in headers}:
        handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2] if cut else content)
    if cut and content:
        _reset(handler)


def _refuse(handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
    content = f"<Error><Code>{code}</Code><Message>a fault of tests</Message></Error>".encode()
    _send(handler, status, {"content-type": "application/xml"}, b"" if handler.command == "HEAD" else content)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off without a goodbye."""
    handler.close_connection = True
    handler.wfile.flush()
    with suppress(OSError):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _one_write_at_a_time() -> Iterator[None]:
    """Make moto judge a condition and act on it in one step, as S3 does."""
    from moto.s3.responses import S3Response

    lock = threading.RLock()

    def alone(act: Callable[[S3Response], Any]) -> Callable[[S3Response], Any]:
        def acting(response: S3Response) -> Any:
            with lock:
                return act(response)

        return acting

    with pytest.MonkeyPatch.context() as patch:
        for name in ("put_object", "delete_object"):
            patch.setattr(S3Response, name, alone(getattr(S3Response, name)))
        yield
