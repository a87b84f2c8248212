"""A running compose project: its containers, what they log, and what its decision log holds."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Waiting for a replica that comes back: it loads libraries and model, on a machine that is under load.
BACK_SECONDS = 120.0
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

    def kill(self, service: str) -> None:
        """End the first process of a container, as a crash does: the engine itself was not asked to."""
        _run(*_as_root(), "kill", "-9", str(self.inspect(service)["State"]["Pid"]))

    def replace(self, service: str) -> None:
        """Stop a container as a deployment does, and start it again."""
        _run("docker", "restart", "--time", "40", self.inspect(service)["Id"])

    def await_back(self, service: str, after: str) -> float:
        """Wait until a container that was started after this time is healthy; returns how many seconds that took."""
        begin = time.monotonic()
        while time.monotonic() < begin + BACK_SECONDS:
            state = self.inspect(service)["State"]
            if state["StartedAt"] > after and state["Health"]["Status"] == "healthy":
                return time.monotonic() - begin
            time.sleep(0.2)
        raise AssertionError(f"{service} was not back within {BACK_SECONDS} s: {state}")

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


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo"]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
