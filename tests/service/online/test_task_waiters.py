"""Those who wait for their files leave room for decisions."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from service.access.overload import Stopping
from service.online.tasks.door import MOST_WAITERS, TaskDoor
from service.online.tasks.folder import TaskFolder
from service.online.tasks.runner import MOST_AT_ONCE, Runner
from service.problems import ProblemError
from service.roots import Roots
from tests.service.batch.batch_scorers import linear_predictor, make_scorer


@pytest.fixture
def door(tmp_path: Path) -> TaskDoor:
    """A door whose tasks all wait, because other processes have the places."""
    folder = TaskFolder(tmp_path / "tasks")
    folder.path.mkdir()
    return TaskDoor(
        Roots.of([str(tmp_path)]), make_scorer(linear_predictor()), folder, Runner(folder, Stopping())
    )


class Client:
    """Somebody who asks for the same file as all others, and stays until it goes."""

    def __init__(self, folder: Path) -> None:
        order = {"input": f"{folder}/in.csv", "output": f"{folder}/out.parquet"}
        self._body: list[Message] = [{"type": "http.request", "body": json.dumps(order).encode()}]
        self.gone = asyncio.Event()

    async def receive(self) -> Message:
        if self._body:
            return self._body.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    def request(self) -> Request:
        scope = {"type": "http", "method": "POST", "path": "/score_file", "headers": [], "query_string": b""}
        return Request(scope, self.receive)


async def with_all_waiting(
    door: TaskDoor, act: Callable[[list[Client], list[asyncio.Task[object]]], Awaitable[None]]
) -> None:
    """Have as many wait as may, and stop all afterwards."""
    places = [(door.folder.path / f"slot-{number}").open("w") for number in range(MOST_AT_ONCE)]
    for place in places:
        fcntl.flock(place, fcntl.LOCK_EX)
    clients = [Client(door.folder.path.parent) for _ in range(MOST_WAITERS)]
    waiting: list[asyncio.Task[object]] = [
        asyncio.ensure_future(door.run(client.request())) for client in clients
    ]
    try:
        await asyncio.sleep(0.1)
        await act(clients, waiting)
    finally:
        await door.runner.stop()
        for task in waiting:
            with suppress(ProblemError):
                await task
        for place in places:
            place.close()


def test_one_more_who_would_wait_is_told_to_submit_and_ask(door: TaskDoor) -> None:
    async def ask(_clients: list[Client], _waiting: list[asyncio.Task[object]]) -> None:
        async with asyncio.timeout(5):
            with pytest.raises(ProblemError) as refused:
                await door.run(Client(door.folder.path.parent).request())
        assert (refused.value.status, "/score_file/submit" in refused.value.detail) == (429, True)
        assert int(refused.value.headers["retry-after"]) > 0
        submitted = await door.submit(Client(door.folder.path.parent).request())
        assert submitted.status_code == 200

    asyncio.run(with_all_waiting(door, ask))


def test_a_client_that_goes_away_leaves_its_place_to_another(door: TaskDoor) -> None:
    async def leave(clients: list[Client], waiting: list[asyncio.Task[object]]) -> None:
        clients[0].gone.set()
        async with asyncio.timeout(5):
            await asyncio.wait(waiting[:1])
        assert not door.waiters.locked()

    asyncio.run(with_all_waiting(door, leave))
