"""Calls of the container engine's client: what is known of an image, and containers that end with their block."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

# As a cluster runs it: nothing can be written but what the image declares, and nothing can be become.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")

_ACCOUNTS = ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpuacct/cpuacct.usage")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command came to."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Container:
    """A running service at `url`."""

    id: str
    url: str

    def get(self, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and JSON of an answer, None for one of another kind; status 0 where nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"content-type": "application/json"})  # noqa: S310  # our own
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                content = answer.read()
                is_json = "json" in answer.headers.get("content-type", "")
                return answer.status, json.loads(content) if is_json else None
        except HTTPError as refusal:
            return refusal.code, None
        except (OSError, HTTPException):
            return 0, None

    def cpu_seconds(self) -> float:
        """Return how much work it has done since its start, all its processes together."""
        # Nanoseconds in control groups of version 1, microseconds in those of version 2.
        told = docker("exec", self.id, "sh", "-c", f"cat {' '.join(_ACCOUNTS)} 2>/dev/null").output.split()
        if "usage_usec" in told:
            return round(int(told[told.index("usage_usec") + 1]) / 1e6, 2)
        return round(int(told[0]) / 1e9, 2) if told else 0.0

    def facts(self) -> Any:
        """Return what the engine knows of it now."""
        return json.loads(docker("container", "inspect", self.id).output)[0]


def docker(*arguments: str, given: bytes | None = None) -> Ended:
    """Run the client, and return what it said."""
    done = subprocess.run(["docker", *arguments], input=given, capture_output=True, check=False)  # noqa: S603, S607
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def facts_of_image(image: str) -> Any:
    """Return what the engine knows of an image."""
    return json.loads(docker("image", "inspect", image).output)[0]


def unpacked_bytes(image: str) -> int:
    """Return what an image's layers take unpacked; what is called its size may be packed, or both together."""
    ended = docker("history", "--human=false", "--format={{.Size}}", image)
    if ended.code:
        raise SystemExit(f"the layers of {image} cannot be told: {ended.errors}")
    return sum(map(int, ended.output.split()))


def run(image: str, *command: str, options: Sequence[str] = (), given: bytes | None = None) -> Ended:
    """Run a command in a new container, hardened, and remove that."""
    return docker("run", "--rm", "-i", *HARDENED, *options, image, *command, given=given)


@contextmanager
def served(image: str, *options: str) -> Iterator[Container]:
    """Start the image's service on a free port of this machine; it is removed afterwards, whatever happens."""
    begun = docker("run", "--detach", *HARDENED, "--publish=127.0.0.1::3000", *options, image)
    if begun.code:
        raise SystemExit(f"{image} did not start: {begun.errors}")
    name = begun.output.strip()
    try:
        address = docker("port", name, "3000").output.split()
        yield Container(name, f"http://{address[0]}" if address else "")
    finally:
        docker("rm", "--force", "--volumes", name)


def seconds_until_ready(container: Container, longest: float = 300) -> float | None:
    """Wait until it answers that it is ready; None where it has ended, or it takes too long."""
    begin = time.monotonic()
    while time.monotonic() < begin + longest:
        if container.get("/readyz")[0] == 200:
            return time.monotonic() - begin
        if not container.facts()["State"]["Running"]:
            return None
        time.sleep(0.05)
    return None
