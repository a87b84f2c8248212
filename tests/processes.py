"""Run the product as its users do: the `aval` command and `bentoml serve`, in a home of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PROGRAMS = Path(sys.executable).parent
START_SECONDS = 120.0
# One for all tests: the functions of httpx read the authorities' certificates at each call, 30 ms of a processor. Each
# request has a connection of its own, as theirs have: servers that stop, and workers that share a port, need that.
web = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Home:
    """A folder with an AVAL_HOME and a BENTOML_HOME, and the environment that points at them."""

    folder: Path

    @property
    def bentoml_home(self) -> Path:
        return self.folder / "bentoml"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AVAL_")}
        own = {
            "AVAL_HOME": str(self.folder / "aval"),
            "BENTOML_HOME": str(self.bentoml_home),
            "BENTOML_DO_NOT_TRACK": "True",
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        }
        return {**kept, **own, **more}

    def aval(self, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command and return what it printed, whatever its exit code."""
        return subprocess.run(
            [PROGRAMS / "aval", *map(str, arguments)],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    @contextmanager
    def serve(self, model: str, **more: str) -> Iterator[str]:
        """Serve a use case or tag on a free port; yields the base URL once it is ready."""
        port = free_port()
        # A file: nobody reads a pipe while the server runs, and a full one would halt it.
        log = self.folder / f"server-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PROGRAMS / "bentoml", "serve", "service.app:RiskService", "--port", str(port)],
                env=self.environment(AVAL_MODEL=model, **more),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _await_ready(url, process, log)
            yield url
        finally:
            # The whole group: stopping the master alone leaves its workers on the port.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Post a JSON body, or bytes as they are."""
    if isinstance(body, bytes):
        return web.post(
            url, content=body, headers={"content-type": "application/json", **(headers or {})}, timeout=30
        )
    return web.post(url, json=body, headers=headers, timeout=30)


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"bentoml serve ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            if web.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"bentoml serve was not ready within {START_SECONDS} s")
