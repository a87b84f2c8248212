"""Workers without a model on real sockets, and a client that speaks no HTTP of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.processes import web

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("small_worker.py")
START_SECONDS = 30.0


@dataclass
class Workers:
    """Processes that answer on one socket, which outlives them as that of BentoML's master does."""

    listener: socket.socket
    log: Path
    options: dict[str, Any]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.processes[0].pid

    def start(self) -> None:
        fd = self.listener.fileno()
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, PROGRAM, str(fd), json.dumps(self.options)],
                pass_fds=[fd],
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)

    def await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if web.get(f"{self.url}/readyz", timeout=1).status_code == 200:
                    return
            assert self.processes[-1].poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"not ready within {START_SECONDS} s: {self.log.read_text()}")

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.listener.close()


@dataclass(frozen=True)
class Heard:
    """What came back over one connection, and whether the server closed it."""

    content: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.content)]

    @property
    def problem(self) -> dict[str, Any]:
        """The only answer, a problem."""
        head, _, body = self.content.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head, self.content
        found: dict[str, Any] = json.loads(body)
        return found


def talk(port: int, *parts: bytes, seconds: float = 0.3, most: int = 10**9) -> Heard:
    """Send the parts over one connection, and hear what comes until it closes or is silent for so many seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(OSError):
            for part in parts:
                connection.sendall(part)
        return hear(connection, seconds, most)


def hear(connection: socket.socket, seconds: float = 0.3, most: int = 10**9) -> Heard:
    """Return what comes over a connection until it closes or is silent for so many seconds."""
    connection.settimeout(seconds)
    heard = bytearray()
    try:
        while len(heard) < most:
            part = connection.recv(2**16)
            if not part:
                return Heard(bytes(heard), True)
            heard += part
    except TimeoutError:
        return Heard(bytes(heard), False)
    except OSError:
        return Heard(bytes(heard), True)
    return Heard(bytes(heard), False)
