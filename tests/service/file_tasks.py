"""A service that scores files, and what asks it to."""

from __future__ import annotations

import csv
import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from service.online.tasks.runner import MOST_AT_ONCE
from service.scoring.schema import example_record
from tests.processes import post, web
from training.use_cases import use_cases

CASE = "credit_risk"
RECORD = example_record(use_cases()[CASE].contract)
ENDED = ("completed", "failed", "canceled")


def write_rows(path: Path, rows: int, *, refused: int = 0) -> Path:
    """Write a CSV file of so many equal records, the first of which are out of range."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, RECORD)
        writer.writeheader()
        writer.writerows({**RECORD, "person_age": 900} for _ in range(refused))
        writer.writerows(RECORD for _ in range(rows - refused))
    return path


def submit(url: str, source: object, target: object, **options: object) -> httpx.Response:
    """Submit a file."""
    return post(f"{url}/score_file/submit", {"input": str(source), "output": str(target), **options})


def submitted(url: str, source: object, target: object, **options: object) -> str:
    """Submit a file that is taken, and return the task's id."""
    answer = submit(url, source, target, **options)
    assert answer.status_code == 200, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


def ask(url: str, step: str, task_id: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Ask for a task's status or result."""
    return web.get(f"{url}/score_file/{step}", params={"task_id": task_id}, headers=headers, timeout=30)


def status(url: str, task_id: str) -> dict[str, Any]:
    """Return how a task stands."""
    answer = ask(url, "status", task_id)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ended(url: str, task_id: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until a task has ended, and return how it stands."""
    deadline = time.monotonic() + seconds
    while (body := status(url, task_id))["status"] not in ENDED:
        assert time.monotonic() < deadline, body
        time.sleep(0.1)
    return body


@contextmanager
def places_taken(home: Path) -> Iterator[None]:
    """Have no place free in which a task could run, so that all wait."""
    (home / "tasks").mkdir(exist_ok=True)
    with ExitStack() as stack:
        for number in range(MOST_AT_ONCE):
            file = stack.enter_context((home / "tasks" / f"slot-{number}").open("ab"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_many(path: Path, rows: int) -> Path:
    """Write a CSV file that takes a while to score."""
    write_rows(path, 1)
    header, row = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + row * rows)
    return path


def begun(url: str, task_id: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until a task has scored rows, and return how it stands."""
    deadline = time.monotonic() + seconds
    while not (body := status(url, task_id))["progress"]:
        assert body["status"] not in ENDED, body
        assert time.monotonic() < deadline, body
        time.sleep(0.05)
    return body
