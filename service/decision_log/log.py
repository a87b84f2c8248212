"""The decision log as the doors see it: append, and wait until it is durable."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from service.decision_log.address import read_address
from service.decision_log.chain import Head
from service.decision_log.entries import Claim, Entry, canonical
from service.decision_log.errors import LogBusy, LogDown
from service.decision_log.orders import Order, Prepared, Resolve, prepare
from service.decision_log.store import WriterFacts
from service.decision_log.writer import Writer, WriterOptions

# Entries that may wait: more would only wait longer than their callers do.
MOST_WAITING = 10_000
DAY = 86_400.0
# A request that arrives is at work two turns later, and a client's next one comes soon after its answer.
_QUIET_TURNS = 4
_MOST_HELD = 64


class DecisionLog:
    """A log that this process writes, as one writer with a chain of its own."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._closed = False
        self._submitted = 0
        self._held: deque[Order] = deque()
        self._gathering: asyncio.AbstractEventLoop | None = None

    def start(self, seconds: float = 5.0) -> None:
        """Start to write; waits up to so many seconds to learn whether the log is up, and never raises.

        A log that is down is looked for every second until it is back: see `is_up` and `trouble`.
        """
        self._writer.start()
        self._writer.looked.wait(seconds)

    def close(self, seconds: float = 10.0) -> bool:
        """Write what was submitted and stop; returns whether all of it was settled within the time."""
        self._closed = True
        self._hand_over()
        return self._writer.stop(seconds)

    async def append(
        self, entries: Sequence[Entry], claim: Claim | None = None, answer: bytes | None = None
    ) -> bytes | None:
        """Append entries, all or none of them, and return None once they are durable.

        With a claim its key is claimed in the same transaction and `answer` kept. A key claimed before with the same
        body appends nothing, and its first answer is returned; with another body `KeyReused` is raised. While the
        store is down and decisions are spooled, only keys claimed by this process since then are known.

        Raises `LogDown` where nothing was kept, and `ValueError` for what no database can hold. Where a database
        was lost in the midst of a commit, an entry may be there although `LogDown` was raised; never the other way
        round. A caller that stops waiting takes nothing back.
        """
        return await self.append_prepared([prepare(entry) for entry in entries], claim, answer)

    async def append_prepared(
        self, entries: Sequence[Prepared], claim: Claim | None = None, answer: bytes | None = None
    ) -> bytes | None:
        """Append entries that were prepared elsewhere, such as in a thread, where there are many; as `append`."""
        loop = asyncio.get_running_loop()
        order = Order(loop, loop.create_future(), entries, claim, answer or b"")
        result: bytes | None = await self._submit(order)
        return result

    async def append_resolved(self, about: Sequence[str], resolve: Resolve) -> Any:
        """Append what `resolve(connection)` decides upon, and return its result once that is durable.

        It is called in the writer's thread, inside the transaction that will append its entries, while no other
        resolver, of this process or another, decides upon any of the ids in `about`. See `Resolve` for its duties.

        Raises what `resolve` raises (then nothing is appended), and `LogDown`, always while decisions are spooled.
        """
        loop = asyncio.get_running_loop()
        return await self._submit(Order(loop, loop.create_future(), resolve=resolve, about=about))

    @property
    def is_up(self) -> bool:
        """Whether entries are accepted now: the store could be written last, or else the spool."""
        return not self._closed and self._writer.works

    @property
    def trouble(self) -> str | None:
        """Why the store is down, in a line without passwords; None while it is up."""
        return self._writer.trouble

    @property
    def waiting(self) -> int:
        """How many entries were submitted and are not yet durable."""
        return self._submitted - self._writer.settled

    @property
    def spooled(self) -> int:
        """How many entries are in the spool and not yet in the store."""
        return self._writer.spooled

    @property
    def head(self) -> Head:
        """The last entry of this process's chain: an anchor, once it is noted somewhere else."""
        return self._writer.head

    def _submit(self, order: Order) -> asyncio.Future[Any]:
        if self._closed:
            raise LogDown("the decision log is closed")
        if not self._writer.accepts:
            raise LogDown(self._writer.trouble or "the decision log has not answered for seconds")
        if self.waiting + order.size > MOST_WAITING:
            raise LogBusy(f"{self.waiting} entries wait for the decision log, the most that may")
        self._submitted += order.size
        self._held.append(order)
        if self._gathering is not order.loop:
            self._gathering = order.loop
            order.loop.call_soon(self._gather, order.loop, 1, 0)
        return order.future

    def _gather(self, loop: asyncio.AbstractEventLoop, before: int, quiet: int) -> None:
        """Hand over once the event loop has brought no more for some turns, or as much as one commit is good for.

        before: orders that were held a turn ago. quiet: turns since the last one came.
        """
        # Not at once: what the loop has ready is written in one commit, and while the loop is busy the writer's thread
        # would contend with it for the interpreter, which costs both more than the wait.
        held = len(self._held)
        quiet = quiet + 1 if held == before else 0
        if quiet >= _QUIET_TURNS or held >= _MOST_HELD:
            self._hand_over()
        else:
            loop.call_soon(self._gather, loop, held, quiet)

    def _hand_over(self) -> None:
        self._gathering = None
        with suppress(IndexError):
            while True:
                self._writer.submit(self._held.popleft())


def open_log(
    url: str,
    *,
    spool: Path,
    when_down: Literal["closed", "open"],
    about: Mapping[str, str],
    keep_claims: float = DAY,
    observe: Callable[[int, float], None] = lambda entries, seconds: None,
) -> DecisionLog:
    """Return the log at a SQLAlchemy URL (SQLite file or PostgreSQL), yet to be started; nothing is written before.

    spool: folder for what waits while the store is down; with `when_down` "open" it must be writable now. about: what
    is worth knowing of this writer: version of the code, model served. keep_claims: seconds that an idempotency key is
    remembered. observe: called in the writer's thread with the entries and seconds of every commit.

    Raises `LogRefused` for a wrong address or folder.
    """
    facts = WriterFacts(secrets.token_hex(8), time.time_ns() // 1000, canonical(dict(about)))
    options = WriterOptions(spool, when_down == "open", keep_claims, observe)
    return DecisionLog(Writer(read_address(url), facts, options))
