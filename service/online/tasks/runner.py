"""Runs tasks one after the other, each in a process of its own, which outlives its client and not its service."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import service
from service.access.overload import Stopping
from service.online.tasks.folder import TaskFolder
from service.online.tasks.report import is_fault
from service.online.tasks.task import End, Task
from service.problems import ProblemError
from service.settings import environment_of_child

# Of all workers together. Each run uses all processors, behind what is asked online.
MOST_AT_ONCE = 2
MOST_WAITING = 8
TICK_SECONDS = 0.25
STOP_SECONDS = 5.0
PROCESS = "service.online.tasks.process"
_LOG = logging.getLogger(__name__)


class Runner:
    """The queue of one worker; the places in which tasks run are shared by all."""

    def __init__(self, folder: TaskFolder, stopping: Stopping) -> None:
        self._folder = folder
        self._stopping = stopping
        self._queue: deque[str] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, task: Task) -> str:
        """Take a task and return its id, or that of the same one that waits or runs already.

        Raises `QueueFull`, `OSError` where it cannot be kept, `ProblemError` while the worker stops.
        """
        if self._stopping.active:
            raise ProblemError(503, "this worker is stopping; try again", headers={"retry-after": "5"})
        task_id, lock = await asyncio.to_thread(self._folder.take, task, MOST_WAITING)
        if lock is not None:
            self._queue.append(task_id)
            running = asyncio.create_task(self._live(task, lock))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
        return task_id

    async def stop(self) -> None:
        """End all processes; what they have done is kept, and goes on when the same is submitted again."""
        self._stopping.active = True
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _live(self, task: Task, lock: int) -> None:
        try:
            await self._wait_and_run(task, lock)
        except Exception:
            _LOG.exception("task %s could not be run", task.id)
            self._give_up(task.id)
        finally:
            os.close(lock)

    def _give_up(self, task_id: str) -> None:
        # Without an end it would count as interrupted by a stop; on a disk that is full, it still does.
        with suppress(OSError):
            state = self._folder.state(task_id)
            if state is not None and state.end is None:
                self._folder.finish(task_id, End(None, False, _now()))

    async def _wait_and_run(self, task: Task, lock: int) -> None:
        try:
            slot = await self._slot(task.id)
        finally:
            self._queue.remove(task.id)
        code = None if slot is None else await self._run(task, lock, slot)
        canceled = self._folder.is_canceled(task.id) and code != 0
        # What ends because the service stops has no end of its own, so that it counts as interrupted.
        if canceled or code == 0 or not self._stopping.active:
            self._folder.finish(task.id, End(code, canceled, _now()))
        state = self._folder.state(task.id)
        if state is not None and is_fault(state):
            _LOG.error(
                "task %s ended with %s; what its process said is in %s", task.id, code, self._folder.path
            )

    async def _slot(self, task_id: str) -> int | None:
        """Wait for a free place and return its lock; None if the task is not to run any more."""
        while not self._is_over(task_id):
            if self._queue[0] == task_id:
                for number in range(MOST_AT_ONCE):
                    if (slot := self._folder.slot(number)) is not None:
                        return slot
            await asyncio.sleep(TICK_SECONDS)
        return None

    async def _run(self, task: Task, lock: int, slot: int) -> int | None:
        """Run a task's process to its end and return its exit code, None if it could not be started."""
        with ExitStack() as files:
            files.callback(os.close, slot)
            try:
                said, result = self._folder.begin(task.id, _now())
                files.callback(os.close, said)
                files.callback(os.close, result)
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", PROCESS, str(os.getpid()), *task.arguments()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=result,
                    stderr=said,
                    env=environment_of_child(Path(service.__file__).parents[1]),
                    # While the process lives, so does the task, and its place is taken, also without this worker.
                    pass_fds=(lock, slot),
                    # Ctrl-C in a terminal is for the service, which then ends its tasks.
                    start_new_session=True,
                )
            except OSError:
                _LOG.exception("task %s could not be started", task.id)
                return None
            return await self._ended(task.id, process)

    async def _ended(self, task_id: str, process: asyncio.subprocess.Process) -> int:
        ended = asyncio.ensure_future(process.wait())
        while not ended.done():
            await asyncio.wait([ended], timeout=TICK_SECONDS)
            if not ended.done() and self._is_over(task_id):
                process.terminate()
                await asyncio.wait([ended], timeout=STOP_SECONDS)
                if not ended.done():
                    process.kill()
        return await ended

    def _is_over(self, task_id: str) -> bool:
        return self._stopping.active or self._folder.is_canceled(task_id)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
