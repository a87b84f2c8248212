from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.benchmarks.load import Measured, Plan, measure

Answer = Callable[[int], Awaitable[bytes]]
STALL = 0.4


def answer(status: int, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n%s\r\n{}" % (status, headers)


async def fine(count: int) -> bytes:
    return answer(200)


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    file = tmp_path / "bodies.jsonl"
    file.write_text('{"a": 1}\n{"b": 22}\n')
    return file


def run(bodies: Path, respond: Answer, connections: int = 4, rate: float | None = None) -> Measured:
    """Measure a server that answers the n-th request by `respond(n)`, or closes where that is empty."""

    async def measured() -> Measured:
        asked, serving = 0, set[asyncio.Task[None]]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            task = asyncio.current_task()
            assert task is not None
            serving.add(task)
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
                    await reader.readexactly(length)
                    asked += 1
                    content = await respond(asked)
                    if not content:
                        break
                    writer.write(content)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            measured = await measure(Plan(port, "/predict", str(bodies), connections, 1.0, 0.1, rate))
            await asyncio.gather(*serving, return_exceptions=True)
            return measured

    return asyncio.run(measured())


def test_a_closed_loop_counts_what_was_answered(bodies: Path) -> None:
    measured = run(bodies, fine)
    assert measured.requests > 500
    assert measured.errors == 0
    assert measured.statuses == {"200": measured.requests}
    assert measured.p50 <= measured.p99 <= measured.most


def test_an_open_loop_sends_at_its_rate(bodies: Path) -> None:
    measured = run(bodies, fine, rate=300)
    assert 240 < measured.requests < 360
    assert measured.errors == 0


def test_an_open_loop_counts_a_stall_against_all_that_were_due_meanwhile(bodies: Path) -> None:
    ends: list[float] = []

    async def stalling(count: int) -> bytes:
        now = asyncio.get_running_loop().time()
        if count == 100:
            ends.append(now + STALL)
        if ends and now < ends[0]:
            await asyncio.sleep(ends[0] - now)
        return answer(200)

    measured = run(bodies, stalling, connections=1, rate=300)
    assert measured.most >= 0.9 * STALL * 1e3
    # A closed loop would have seen one slow request of hundreds, and an honest median that knew nothing of it.
    assert measured.p99 >= 0.8 * STALL * 1e3


def test_what_is_answered_by_an_error_is_an_error(bodies: Path) -> None:
    async def refusing(count: int) -> bytes:
        return answer(429 if count % 2 else 200)

    measured = run(bodies, refusing)
    assert measured.errors == measured.statuses["429"] > 100
    assert measured.per_second < measured.requests


def test_a_connection_that_breaks_off_is_an_error_and_is_replaced(bodies: Path) -> None:
    begun: list[float] = []
    broken: list[int] = []

    async def breaking(count: int) -> bytes:
        now = asyncio.get_running_loop().time()
        begun.append(now)
        if now - begun[0] > 0.5 and not broken:
            broken.append(len(begun))
            return b""
        return answer(200)

    measured = run(bodies, breaking, connections=1)
    assert measured.errors == measured.statuses["0"] == 1
    assert broken[0] < len(begun)


def test_a_connection_that_the_server_will_close_is_not_used_again(bodies: Path) -> None:
    async def closing(count: int) -> bytes:
        return answer(200, b"connection: close\r\n")

    measured = run(bodies, closing)
    assert measured.errors == 0
    assert measured.requests > 50
