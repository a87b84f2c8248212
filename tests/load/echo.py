"""A service that answers at once and knows nothing: what the load generator can do alone.

python tests/load/echo.py PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

CONTENT = b'{"decision_id": "0", "contributions": [], "results": []}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(CONTENT),
    CONTENT,
)
HEAD_END, LENGTH = b"\r\n\r\n", b"content-length:"


class Echo(asyncio.Protocol):
    """Gives the same answer to every whole request."""

    def __init__(self) -> None:
        self._arrived = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What uvloop gives is no subclass of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        head, ended, body = self._arrived.partition(HEAD_END)
        if ended and len(body) >= _length(head.lower()):
            self._arrived = b""
            self._transport.write(ANSWER)


def _length(head: bytes) -> int:
    return int(head.partition(LENGTH)[2].partition(b"\r\n")[0] or 0)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
