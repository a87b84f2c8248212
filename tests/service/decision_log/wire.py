"""The line between a log and its PostgreSQL, which can be cut at the worst moments."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

_COMMIT = b"COMMIT\0"


class Cut(Enum):
    """What happens to the next COMMIT, and then to the line."""

    COMMIT = "it is lost on its way"
    ANSWER = "it arrives, and the answer is lost"
    LATE = "it arrives a while after the line was cut"


class Wire:
    """Passes everything on, until it is told to cut.

    down: whether new connections are refused. late: seconds that a late COMMIT takes. cuts: how many there were.
    """

    def __init__(self, to_port: int) -> None:
        self.down = False
        self.late = 0.5
        self.cuts = 0
        self._cut: Cut | None = None
        self._stays_down = False
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: Cut, stays_down: bool = False) -> None:
        """Cut the line at the next COMMIT."""
        self._stays_down = stays_down
        self._cut = when

    def cut_now(self) -> None:
        """Cut the line, and keep it down."""
        self.down = True
        for end in self._ends:
            _close(end)

    def close(self) -> None:
        """Be gone."""
        self.cut_now()
        _close(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.down:
                    _close(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._ends += [client, server]
                threading.Thread(target=self._there, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while content := client.recv(65536):
                if self._cut is not None and _COMMIT in content:
                    self._cut_at(content, client, server)
                    return
                server.sendall(content)
        _close(server)

    def _cut_at(self, content: bytes, client: socket.socket, server: socket.socket) -> None:
        how, self._cut = self._cut, None
        self.down, self.cuts = self._stays_down, self.cuts + 1
        if how is Cut.LATE:
            _close(client)
            time.sleep(self.late)
            server.sendall(content)
            # The server tells nobody, and closes the connection when it has done what it was told.
            server.shutdown(socket.SHUT_WR)
        elif how is Cut.ANSWER:
            client.shutdown(socket.SHUT_RD)
            self._ends.remove(client)
            server.sendall(content)
            time.sleep(0.1)
            _close(client)
            _close(server)
        else:
            _close(client)
            _close(server)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while content := server.recv(65536):
                if client in self._ends:
                    client.sendall(content)
        _close(client)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """Yield a line to a port of this machine."""
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()


def _close(end: socket.socket) -> None:
    # Also whoever reads from it in another thread shall know.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
