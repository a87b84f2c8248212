"""A process that appends until it is killed, and tells on its output what was kept: `URL SPOOL closed|open`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import uuid
from pathlib import Path

from service.decision_log import Claim, DecisionLog, Entry, Kind, LogDown, Record, open_log

APPENDERS = 16
# Seconds, so that two processes leave the database some time, and the test few entries to look through.
PAUSE = 0.01


async def append_for_ever(log: DecisionLog, number: int) -> None:
    """Append entries, every fourth with a claim, and say each that was kept, once it was."""
    count = 0
    while True:
        count += 1
        about = uuid.uuid4().hex
        entry = Entry(
            Kind.DECISION, count, "loan_approval", about, 0.5, record=Record({"x": count}, {"id": about})
        )
        key = hashlib.sha256(about.encode()).digest()
        claim = Claim("tests", key, key) if number % 4 == 0 else None
        try:
            await log.append([entry], claim, about.encode())
        except LogDown:
            await asyncio.sleep(0.02)
        else:
            os.write(1, f"{about}\n".encode())
            await asyncio.sleep(PAUSE)


async def run(log: DecisionLog) -> None:
    """Append from many tasks at once."""
    await asyncio.gather(*(append_for_ever(log, number) for number in range(APPENDERS)))


if __name__ == "__main__":
    opened = open_log(
        sys.argv[1],
        spool=Path(sys.argv[2]),
        when_down="open" if sys.argv[3] == "open" else "closed",
        about={},
    )
    opened.start()
    os.write(1, b"up\n")
    asyncio.run(run(opened))
