from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope, Send

from service.online.whole_body import WholeBody

HEADERS = [(b"content-type", b"application/json")]


def piece(body: bytes, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def read(*pieces: Message, late: bool) -> tuple[bytes, int]:
    """Return the body that a route gets, and how often the server was asked before the body was whole."""
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    got, asked = b"", 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return await arrived.get()

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal got
        message = await receive()
        assert not message["more_body"]
        got = message["body"]

    async def send(message: Message) -> None:
        raise AssertionError(f"nothing is answered here: {message}")

    async def arrive() -> None:
        for message in pieces:
            await asyncio.sleep(0.01 if late else 0)
            arrived.put_nowait(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": HEADERS}
    if not late:
        await arrive()
    await asyncio.gather(
        WholeBody(route, 100, 1.0)(scope, receive, send), arrive() if late else asyncio.sleep(0)
    )
    return got, asked


def test_a_body_that_came_with_its_head_is_asked_for_once() -> None:
    assert asyncio.run(read(piece(b"{}", False), late=False)) == (b"{}", 1)


def test_a_body_that_comes_in_pieces_loses_none_of_them_whether_they_are_there_or_late() -> None:
    pieces = piece(b"[1,", True), piece(b"2,", True), piece(b"3]", False)
    for late in (False, True):
        body, _ = asyncio.run(read(*pieces, late=late))
        assert body == b"[1,2,3]", late


def test_the_first_piece_may_be_late_and_the_only_one() -> None:
    body, _ = asyncio.run(read(piece(b"{}", False), late=True))
    assert body == b"{}"
