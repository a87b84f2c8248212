"""A running compose project: its containers, what they log, and what its decision log holds."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# Waiting for a replica that comes back: it loads libraries and model, on a machine that is under load.
BACK_SECONDS = 300.0
_DECISIONS = "SELECT about, request_id, probability FROM entries WHERE kind = 'decision'"


@dataclass(frozen=True)
class Stack:
    """A folder with a compose.yaml whose project is up."""

    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """What stands in .env."""
        lines = (self.folder / ".env").read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    @property
    def key(self) -> str:
        """An API key of a caller."""
        return (self.folder / "secrets" / "caller.key").read_text("utf-8").strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container."""
        (container,) = self._compose("ps", "-q", service).split()
        (found,) = json.loads(_run("docker", "inspect", container))
        return dict(found)

    def kill(self, service: str) -> float:
        """End the first process of a container, as a crash does, unknown to the engine; returns when, since 1970."""
        command = [*_as_root(), "kill", "-9", str(self.inspect(service)["State"]["Pid"])]
        # Asking the engine for the process may take its time.
        killed_at = time.time()
        _run(*command)
        return killed_at

    def finished_at(self, service: str) -> float:
        """Return when the engine last saw a container end, in seconds since 1970."""
        return datetime.fromisoformat(self.inspect(service)["State"]["FinishedAt"]).timestamp()

    def replace(self, service: str) -> None:
        """Put a new container in a replica's place, by what is typed after a promotion; waits until it is ready."""
        _run(str(self.folder / "replace.sh"), service)

    def await_back(self, service: str, after: str) -> float:
        """Wait until a replica that was started after this time is ready; returns how many seconds that took."""
        begin, address = time.monotonic(), self.address(service)
        while self.inspect(service)["State"]["StartedAt"] <= after or not _is_ready(address):
            if time.monotonic() > begin + BACK_SECONDS:
                raise AssertionError(f"{service} was not back within {BACK_SECONDS:g} s")
            time.sleep(0.5)
        return time.monotonic() - begin

    def address(self, service: str) -> str:
        """Return host and port that a replica has whenever it is up."""
        subnet = self.settings["AVAL_SUBNET"]
        return f"{subnet}.1{service[-1]}:3000"

    def access_log(self) -> dict[str, dict[str, Any]]:
        """Return the load balancer's lines by request id."""
        container = self.inspect("lb")["Id"]
        lines = _run("docker", "logs", container).splitlines()
        read = [json.loads(line) for line in lines if line.startswith("{")]
        return {line["request_id"]: line for line in read}

    def decisions(self) -> list[tuple[str, str, float]]:
        """Return decision id, request id and probability of every logged decision."""
        container = self.inspect("postgres")["Id"]
        command = ("psql", "-U", "postgres", "-d", "aval", "-AtF", ",", "-c", _DECISIONS)
        rows = [line.split(",") for line in _run("docker", "exec", container, *command).splitlines()]
        return [(about, request_id, float(probability)) for about, request_id, probability in rows]

    def _compose(self, *arguments: str) -> str:
        return _run(str(self.folder / "compose.sh"), *arguments)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo"]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
