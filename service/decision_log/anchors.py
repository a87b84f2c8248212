"""Anchors: the heads of all chains, kept where whoever can alter the log cannot alter them.

An anchor is a line of JSON, {"writer", "seq", "hash", "at"}: a writer, the number and the hash (hexadecimal) of its
last entry, and when that was so (ISO 8601). Against one, `verify` finds a tail that was cut off or written anew, and a
writer that is gone with all its entries. Good places are write-once buckets, another team's repository, paper.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from service.decision_log.chain import Head
from service.errors import UnreadableInput

_FIELDS = ("writer", "seq", "hash", "at")
_NEXT_WRITER = text("SELECT writer FROM entries WHERE writer > :writer ORDER BY writer LIMIT 1")
_LAST_ENTRY = text("SELECT seq, hash FROM entries WHERE writer = :writer ORDER BY seq DESC LIMIT 1")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a chain as it once was; at: ISO 8601."""

    head: Head
    at: str

    def to_line(self) -> str:
        """Return the anchor as a line of JSON, without an end of line."""
        values = (self.head.writer, self.head.seq, self.head.hash.hex(), self.at)
        return json.dumps(dict(zip(_FIELDS, values, strict=True)))


def heads(connection: Connection) -> Iterator[Head]:
    """Yield the last entry of every writer's chain, however long the chains are, in no time."""
    writer = ""
    while (found := connection.execute(_NEXT_WRITER, {"writer": writer}).scalar()) is not None:
        writer = found
        seq, last = connection.execute(_LAST_ENTRY, {"writer": writer}).one()
        yield Head(writer, seq, bytes(last))


def read_anchors(lines: Iterable[str], source: str) -> list[Anchor]:
    """Return the anchors among lines of any kind, such as a service's output.

    Raises `UnreadableInput`, which names `source`, where there is none, and for one that is damaged.
    """
    found = []
    for number, line in enumerate(lines, start=1):
        body = _json_object(line)
        if body is None or not {"writer", "seq", "hash"} <= body.keys():
            continue
        found.append(_anchor(body, f"{source}: line {number}"))
    if not found:
        raise UnreadableInput(
            f'{source} holds no anchor, a line such as {{"writer": …, "seq": …, "hash": …}}'
        )
    return found


def _json_object(line: str) -> dict[str, Any] | None:
    """Return the JSON object that a line is or ends with, whatever stands before it."""
    start = line.find("{")
    if start < 0:
        return None
    try:
        body = json.loads(line[start:])
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _anchor(body: dict[str, Any], where: str) -> Anchor:
    writer, seq, digest = body["writer"], body["seq"], body["hash"]
    try:
        if not isinstance(writer, str) or type(seq) is not int or seq < 1 or len(digest) != 64:
            raise ValueError
        return Anchor(Head(writer, seq, bytes.fromhex(digest)), str(body.get("at", "")))
    except (TypeError, ValueError):
        raise UnreadableInput(
            f"{where} is a damaged anchor: it needs a writer, a seq from 1 up and a hash of 64 hexadecimal digits"
        ) from None
