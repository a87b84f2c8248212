"""Tasks in one process: orders, the folder that workers share, and what is told."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.access.overload import Stopping
from service.online.tasks.folder import QueueFull, TaskFolder
from service.online.tasks.order import Order, read_order
from service.online.tasks.report import expect_completed, is_fault, report
from service.online.tasks.runner import MOST_AT_ONCE, Runner
from service.online.tasks.task import End, State, Status, Task
from service.problems import ProblemError
from service.roots import Roots

AT = "2026-11-20T08:30:00.000+00:00"
ORDER: dict[str, Any] = {"input": "/srv/files/in.csv", "output": "/srv/files/out.parquet"}
ROOTS = Roots.of(["/srv/files"])


@pytest.fixture
def folder(tmp_path: Path) -> TaskFolder:
    """A folder of tasks that is not there yet."""
    return TaskFolder(tmp_path / "aval" / "tasks")


def task(name: str = "out", number: int | None = None) -> Task:
    order = Order("/srv/files/in.csv", f"/srv/files/{name}.parquet")
    task_id = os.urandom(16).hex() if number is None else f"{number:032x}"
    return Task(task_id, order, "credit_risk:1", "costs-01234567", "key-1", AT)


def ended(code: int | None, *, said: str = "", canceled: bool = False) -> State:
    return State(task(), False, AT, End(code, canceled, AT), said)


def refusal(**order: object) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        read_order(json.dumps(order).encode(), ROOTS)
    return refused.value


# Orders


def test_an_order_becomes_arguments_of_the_batch_command() -> None:
    body = {**ORDER, "reasons": True, "keep_columns": True, "max_quarantine": "1%", "limit": 10}
    read = read_order(json.dumps(body).encode(), ROOTS)
    options = ["--reasons", "--keep-columns", "--max-quarantine", "1%", "--limit", "10"]
    assert read.arguments() == [ORDER["input"], ORDER["output"], *options]
    assert read_order(read.to_bytes(), ROOTS) == read


def test_an_order_says_no_more_than_it_is_asked() -> None:
    assert read_order(json.dumps(ORDER).encode(), ROOTS).arguments() == [ORDER["input"], ORDER["output"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reasons", "yes"),
        ("reasons", None),
        ("keep_columns", 1),
        ("max_quarantine", "101%"),
        ("max_quarantine", "--json"),
        ("max_quarantine", 1),
        ("limit", 0),
        ("limit", True),
        ("limit", 1.5),
        ("limit", "10"),
        ("threads", 4),
        ("--replace", True),
        ("half a pair \ud800", 1),
    ],
)
def test_a_field_that_is_not_allowed_is_named(field: str, value: object) -> None:
    [finding] = refusal(**{**ORDER, field: value}).findings
    assert finding.field == field.encode("utf-8", "replace").decode()
    assert finding.allowed


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    refused = refusal(input="/etc/passwd", limit=-1, more=1)
    assert sorted(item.field for item in refused.findings) == ["input", "limit", "more", "output"]
    assert refused.status == 422


@pytest.mark.parametrize("body", [b"[]", b"null", b'"/srv/files/in.csv"', b"1"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        read_order(body, ROOTS)
    assert refused.value.status == 422


# The folder


def test_a_task_lives_as_long_as_its_lock_is_open(folder: TaskFolder) -> None:
    task_id, lock = folder.take(taken := task(), 8)
    assert lock is not None
    state = folder.state(task_id)
    assert state is not None
    assert (state.task, state.status) == (taken, Status.PENDING)
    os.close(lock)
    gone = folder.state(task_id)
    assert gone is not None
    assert (gone.status, gone.interrupted) == (Status.FAILED, True)


def test_the_same_order_is_the_same_task_while_it_lives(folder: TaskFolder) -> None:
    first, lock = folder.take(task(), 8)
    assert lock is not None
    assert folder.take(task(), 8) == (first, None)
    os.close(lock)
    again, other = folder.take(task(), 8)
    assert again != first
    assert other is not None
    os.close(other)


def test_an_order_whose_task_is_being_canceled_is_a_new_task(folder: TaskFolder) -> None:
    first, lock = folder.take(task(), 8)
    folder.cancel(first)
    again, other = folder.take(task(), 8)
    assert again != first
    for held in (lock, other):
        assert held is not None
        os.close(held)


def test_no_more_wait_than_may_and_what_runs_does_not_wait(folder: TaskFolder) -> None:
    first, lock = folder.take(task("a"), 1)
    with pytest.raises(QueueFull):
        folder.take(task("b"), 1)
    for file in folder.begin(first, AT):
        os.close(file)
    _, other = folder.take(task("b"), 1)
    for held in (lock, other):
        assert held is not None
        os.close(held)


def test_a_place_is_one_tasks_until_its_lock_is_closed(folder: TaskFolder) -> None:
    folder.path.mkdir(parents=True)
    held = folder.slot(0)
    assert held is not None
    assert folder.slot(0) is None
    os.close(held)
    again = folder.slot(0)
    assert again is not None
    os.close(again)


def test_old_tasks_are_forgotten_and_living_ones_never(folder: TaskFolder) -> None:
    old, lock = folder.take(task("old"), 8)
    living, held = folder.take(task("living"), 8)
    assert lock is not None
    assert held is not None
    os.close(lock)
    for task_id in (old, living):
        os.utime(folder.path / task_id, (0, 0))
    _, other = folder.take(task("new"), 8)
    assert other is not None
    assert folder.state(old) is None
    assert folder.state(living) is not None
    os.close(held)
    os.close(other)


@pytest.mark.parametrize("task_id", ["..", "../../etc", "", "lock", "slot-0", "x" * 32, "A" * 32, "0" * 32])
def test_an_id_that_is_none_has_no_state(folder: TaskFolder, task_id: str) -> None:
    assert folder.state(task_id) is None


def test_tasks_are_their_owners_alone(folder: TaskFolder) -> None:
    task_id, lock = folder.take(task(), 8)
    assert lock is not None
    os.close(lock)
    assert folder.path.stat().st_mode & 0o077 == 0
    assert (folder.path / task_id).stat().st_mode & 0o077 == 0


# A disk that is full for a moment


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process become longer than nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def open_files() -> list[str]:
    return [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path)]


def test_a_task_that_cannot_be_written_down_leaves_nothing_behind(folder: TaskFolder) -> None:
    before = open_files()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        folder.take(task(), 8)
    assert [path for path in folder.path.iterdir() if path.is_dir()] == []
    assert len(open_files()) == len(before)


def test_a_start_that_cannot_be_written_down_leaves_no_file_open(folder: TaskFolder) -> None:
    task_id, lock = folder.take(task(), 8)
    before = open_files()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        folder.begin(task_id, AT)
    assert len(open_files()) == len(before)
    assert lock is not None
    os.close(lock)


async def over(folder: TaskFolder, task_id: str) -> State:
    """Wait until a task no longer lives."""
    async with asyncio.timeout(20):
        while (state := folder.state(task_id)) is not None and state.alive:
            await asyncio.sleep(0.05)
    assert state is not None
    return state


def test_a_task_that_meets_a_full_disk_frees_its_place_and_its_files(folder: TaskFolder) -> None:
    async def meet(runner: Runner) -> None:
        before = open_files()
        task_id = await runner.submit(task())
        with full_disk():
            await over(folder, task_id)
        assert len(open_files()) == len(before)

    asyncio.run(meet(Runner(folder, Stopping())))
    for number in range(MOST_AT_ONCE):
        slot = folder.slot(number)
        assert slot is not None, number
        os.close(slot)


def test_a_task_whose_turn_cannot_be_asked_for_is_not_told_as_interrupted(folder: TaskFolder) -> None:
    async def fail(runner: Runner) -> State:
        (folder.path / "slot-0").mkdir(parents=True)
        return await over(folder, await runner.submit(task()))

    state = asyncio.run(fail(Runner(folder, Stopping())))
    assert (state.status, state.interrupted) == (Status.FAILED, False)
    with pytest.raises(ProblemError) as refused:
        expect_completed(state)
    assert "could not be started" in refused.value.detail


# What is told


def test_progress_is_the_last_whole_line_of_it() -> None:
    lines = [
        '"}',
        '{"progress": {"rows_in": 1}}',
        '{"progress": {"rows_in": 2}}',
        "scoring",
        '{"progress": {"row',
    ]
    told = report(State(task(), True, AT, None, "\n".join(lines)))
    assert (told["status"], told["progress"]) == ("in_progress", {"rows_in": 2})


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (State(task(), True, None, None, ""), 409, "the task is pending"),
        (State(task(), True, AT, None, ""), 409, "the task is in_progress"),
        (State(task(), False, AT, None, ""), 409, "interrupted"),
        (ended(143, canceled=True), 409, "canceled"),
        (ended(1, said="aval: error: too many"), 422, "too many"),
        (ended(2, said="{}\naval: error: unreadable"), 422, "unreadable"),
        (ended(3, said="aval: error: nothing yet"), 409, "nothing yet"),
        (ended(5, said="aval: error: another run is writing here"), 409, "another run is writing here"),
        (ended(1, said="Traceback (most recent call last):\nTypeError: secret"), 500, "ended with 1"),
        (ended(-9), 500, "ended with -9"),
        (ended(None), 500, "could not be started"),
    ],
)
def test_what_has_no_result_says_why(state: State, status: int, words: str) -> None:
    with pytest.raises(ProblemError) as refused:
        expect_completed(state)
    assert (refused.value.status, words in refused.value.detail) == (status, True)
    assert "secret" not in refused.value.detail
    assert is_fault(state) == (status == 500)


def test_who_met_another_run_is_told_when_to_come_back() -> None:
    with pytest.raises(ProblemError) as refused:
        expect_completed(ended(5, said="aval: error: another run is writing here"))
    assert int(refused.value.headers["retry-after"]) > 0


def test_what_is_completed_has_a_result() -> None:
    expect_completed(ended(0))
    assert report(ended(0))["status"] == "completed"
