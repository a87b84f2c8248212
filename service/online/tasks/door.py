"""The task `/score_file` over HTTP: submitted, asked for, canceled; kept here, in the place of BentoML's own store.

The reasons are in `.github/decisions/2026-11-21-own-store-of-tasks.md`.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.online.tasks.folder import QueueFull, TaskFolder
from service.online.tasks.order import read_order
from service.online.tasks.report import expect_completed, report
from service.online.tasks.runner import MOST_WAITING, Runner
from service.online.tasks.task import State, Task
from service.problems import ProblemError
from service.roots import Roots
from service.scoring.findings import Code, Finding
from service.scoring.scorer import Scorer

LOOK_SECONDS = 0.25
CANCEL_SECONDS = 10.0
# Of each worker. Whoever waits has a place among its requests in work, of which decisions need the others.
MOST_WAITERS = 4
_WHEN_FULL = {"retry-after": "30"}
_OFF = (
    "scoring files over HTTP is off here; its operator can name the folders and s3:// prefixes that it may use in "
    "AVAL_BATCH_ROOTS. Large or nightly files are scored by: python -m service.batch"
)


@dataclass(frozen=True, slots=True)
class TaskDoor:
    """Answers for tasks of one bundle; all raise `ProblemError`. Without roots, everything is refused by 403."""

    roots: Roots
    scorer: Scorer
    folder: TaskFolder
    runner: Runner
    waiters: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_WAITERS))

    async def submit(self, request: Request) -> Response:
        """Take an order and answer at once with the task's id; the same order that is not done yet is the same task."""
        return JSONResponse(await self._status(await self._submitted(request)))

    async def run(self, request: Request) -> Response:
        """Take an order and answer when it is done; whoever does not wait finds the task at its id."""
        self._expect_on()
        if self.waiters.locked():
            detail = f"{MOST_WAITERS} requests wait for their files, the most that may; use /score_file/submit, and ask"
            raise ProblemError(429, f"{detail} /score_file/status how far it is", headers=_WHEN_FULL)
        async with self.waiters:
            task_id = await self._submitted(request)
            while (state := await self._state(task_id)).alive and not await request.is_disconnected():
                await asyncio.sleep(LOOK_SECONDS)
            return await self._result(state)

    async def status(self, request: Request) -> Response:
        """Answer how a task stands."""
        return JSONResponse(await self._status(self._asked_for(request)))

    async def result(self, request: Request) -> Response:
        """Answer with the manifest of a task that is completed."""
        return await self._result(await self._state(self._asked_for(request)))

    async def retry(self, request: Request) -> Response:
        """Submit a task's order again, as a new task: what was done goes on, and what is whole stays."""
        state = await self._state(self._asked_for(request))
        return JSONResponse(await self._status(await self._take(request, state.task.order.to_bytes())))

    async def cancel(self, request: Request) -> Response:
        """Stop a task, and answer how it stands then; one that has ended stays as it is."""
        task_id = self._asked_for(request)
        if (await self._state(task_id)).alive:
            await asyncio.to_thread(self.folder.cancel, task_id)
        deadline = asyncio.get_running_loop().time() + CANCEL_SECONDS
        while (await self._state(task_id)).alive and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
        return JSONResponse(await self._status(task_id))

    async def _submitted(self, request: Request) -> str:
        self._expect_on()
        return await self._take(request, await request.body())

    async def _take(self, request: Request, body: bytes) -> str:
        order = await asyncio.to_thread(read_order, body, self.roots)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        key_id = getattr(request.state, "key_id", "")
        task = Task(os.urandom(16).hex(), order, self.scorer.tag, self.scorer.policy.version, key_id, now)
        try:
            task_id = await self.runner.submit(task)
        except QueueFull:
            detail = f"{MOST_WAITING} tasks wait, the most that may; try again later, or use: python -m service.batch"
            raise ProblemError(429, detail, headers=_WHEN_FULL) from None
        except OSError as error:
            raise ProblemError(503, f"no task can be kept: {error.strerror}", headers=_WHEN_FULL) from None
        request.state.told = {"task_id": task_id}
        return task_id

    async def _status(self, task_id: str) -> dict[str, object]:
        return report(await self._state(task_id))

    async def _state(self, task_id: str) -> State:
        state = await asyncio.to_thread(self.folder.state, task_id)
        if state is None or state.task.model.partition(":")[0] != self.scorer.contract.use_case:
            detail = f"there is no task of this id; tasks of {self.scorer.contract.use_case} are kept a week"
            raise ProblemError(404, detail)
        return state

    async def _result(self, state: State) -> Response:
        expect_completed(state)
        content = await asyncio.to_thread(self.folder.result, state.task.id)
        return Response(content, media_type="application/json")

    def _asked_for(self, request: Request) -> str:
        self._expect_on()
        task_id = request.query_params.get("task_id")
        if task_id is None:
            allowed = "the id that /score_file/submit answered"
            message = f"task_id is missing in the query; it must be {allowed}"
            raise ProblemError(422, message, [Finding("task_id", Code.MISSING, None, allowed, message)])
        return task_id

    def _expect_on(self) -> None:
        if not self.roots.texts:
            raise ProblemError(403, _OFF)
