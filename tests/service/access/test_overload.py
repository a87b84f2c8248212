from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.access.overload import Overload, Stopping
from service.problems import ProblemError
from tests.processes import web
from tests.service.access.wire import Workers, hear

HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


class Held:
    """A route that answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.sent: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await receive()
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def whole() -> Message:
    return {"type": "http.request", "body": b"{}", "more_body": False}


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def ask(
    overload: Overload, held: Held, path: str = "/predict", receive: Receive = whole, method: str = "POST"
) -> Any:
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    return asyncio.create_task(overload(scope, receive, held.send))


def in_loop(held_back: Callable[[Overload, Held, Stopping], Any], most: int = 2) -> None:
    async def run() -> None:
        held, stopping = Held(), Stopping()
        async with asyncio.timeout(5):
            await held_back(Overload(held, most, stopping), held, stopping)

    asyncio.run(run())


async def _problem(task: Any) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        await task
    return refused.value


def test_one_request_too_many_is_told_to_come_back_in_a_second() -> None:
    async def run(overload: Overload, held: Held, _: Stopping) -> None:
        tasks = [ask(overload, held), ask(overload, held, method="GET")]
        await asyncio.sleep(0)
        problem = await _problem(ask(overload, held, receive=never))
        assert (problem.status, problem.headers) == (429, {"retry-after": "1"})
        assert problem.detail == "2 requests are in work, the most that are taken; try again in 1 s"
        held.go.set()
        await asyncio.gather(*tasks)
        await ask(overload, held)
        assert (overload.in_work, overload.arriving) == (0, 0)

    in_loop(run)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_health_and_metrics_are_never_refused(path: str) -> None:
    async def run(overload: Overload, held: Held, _: Stopping) -> None:
        tasks = [ask(overload, held), ask(overload, held)]
        await asyncio.sleep(0)
        health = ask(overload, held, path, method="GET")
        held.go.set()
        await asyncio.gather(health, *tasks)

    in_loop(run)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_a_body_sent_to_a_path_of_health_takes_a_place_as_any_other(path: str) -> None:
    async def run(overload: Overload, held: Held, _: Stopping) -> None:
        tasks = [ask(overload, held), ask(overload, held)]
        await asyncio.sleep(0)
        assert (await _problem(ask(overload, held, path, receive=never))).status == 429
        held.go.set()
        await asyncio.gather(*tasks)

    in_loop(run)


def test_slow_bodies_keep_nobody_out_until_there_are_four_times_too_many() -> None:
    async def run(overload: Overload, held: Held, _: Stopping) -> None:
        slow = [ask(overload, held, receive=never) for _ in range(7)]
        await asyncio.sleep(0)
        held.go.set()
        await ask(overload, held)
        slow.append(ask(overload, held, receive=never))
        await asyncio.sleep(0)
        assert (await _problem(ask(overload, held))).status == 429
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        assert (overload.in_work, overload.arriving) == (0, 0)

    in_loop(run)


def test_a_body_that_comes_when_all_places_are_taken_is_refused_then() -> None:
    async def run(overload: Overload, held: Held, _: Stopping) -> None:
        rest: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        slow = ask(overload, held, receive=lambda: rest)
        await asyncio.sleep(0)
        tasks = [ask(overload, held), ask(overload, held)]
        await asyncio.sleep(0)
        rest.set_result(await whole())
        assert (await _problem(slow)).status == 429
        assert (overload.in_work, overload.arriving) == (2, 0)
        held.go.set()
        await asyncio.gather(*tasks)

    in_loop(run)


def test_an_error_gives_its_place_back() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        overload, held = Overload(fail, 1), Held()
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await ask(overload, held)

    asyncio.run(run())


def test_a_stopping_worker_is_not_ready_and_closes_its_connections_also_under_requests_begun_before() -> None:
    async def run(overload: Overload, held: Held, stopping: Stopping) -> None:
        before = ask(overload, held)
        await asyncio.sleep(0)
        stopping.active = True
        problem = await _problem(ask(overload, held, "/readyz", method="GET"))
        assert (problem.status, problem.detail) == (503, "this worker is stopping")
        held.go.set()
        await asyncio.gather(before, ask(overload, held), ask(overload, held, "/livez", method="GET"))
        assert [message["headers"] for message in held.sent] == [[(b"connection", b"close")]] * 3

    in_loop(run)


# Over real connections


def busy(workers: Workers, requests: int, seconds: float) -> list[threading.Thread]:
    """Keep so many requests in work; returns once they are."""

    def ask() -> None:
        # Not httpx, which takes a tenth of a second to begin.
        connection = http.client.HTTPConnection("127.0.0.1", workers.port, timeout=30)
        with closing(connection):
            headers = {"content-type": "application/json"}
            connection.request("POST", f"/predict?seconds={seconds}", b"{}", headers)
            connection.getresponse().read()

    threads = [threading.Thread(target=ask) for _ in range(requests)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    return threads


def test_too_many_are_answered_within_milliseconds_on_a_connection_that_stays(
    workers: Callable[..., Workers],
) -> None:
    found = workers(most=4)
    threads = busy(found, 4, 3.0)
    connection = http.client.HTTPConnection("127.0.0.1", found.port, timeout=10)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        connection.request("POST", "/predict", b"{}", {"content-type": "application/json"})
        answer = connection.getresponse()
        took.append(time.perf_counter() - began)
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert b"4 requests are in work" in answer.read()
    assert sorted(took)[10] < 0.02, took
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 200
    connection.close()
    for thread in threads:
        thread.join()
    assert web.post(f"{found.url}/predict", json={}).status_code == 200


def test_a_client_that_is_still_sending_hears_that_there_are_too_many(
    workers: Callable[..., Workers],
) -> None:
    found = workers(most=1)
    threads = busy(found, 1, 1.2)
    body = b" " * 900_000
    with socket.create_connection(("127.0.0.1", found.port), timeout=10) as connection:
        connection.sendall(HEAD + b"content-length: 900002\r\n\r\n{")
        assert hear(connection, 0.5).statuses == [429], "the answer does not wait for the body"
        connection.sendall(body + b"}")
        threads[0].join()
        connection.sendall(HEAD + b"content-length: 2\r\n\r\n{}")
        assert hear(connection, 0.5).statuses == [200], "the connection stays"


def test_a_body_that_is_sent_slowly_keeps_nobody_out(workers: Callable[..., Workers]) -> None:
    found = workers(most=2)
    slow = [socket.create_connection(("127.0.0.1", found.port)) for _ in range(6)]
    for connection in slow:
        connection.sendall(HEAD + b"content-length: 2\r\n\r\n{")
    time.sleep(0.2)
    assert web.post(f"{found.url}/predict", json={}).status_code == 200
    for connection in slow:
        connection.sendall(b"}")
        connection.close()
