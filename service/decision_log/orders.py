"""What is asked of the writer: entries to append, and questions to be answered inside the transaction that appends."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from service.decision_log.chain import Head, Row, encoded, part_digest
from service.decision_log.entries import Claim, Entry, Part, canonical

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a resolver decided: the entries to append, maybe none, and the result for whoever asked."""

    entries: Sequence[Entry]
    result: Any = None


# Called in the writer's thread, inside the transaction that will append its entries, and again where that had to be
# begun again. It may read anything and delete records and claims, and must be quick: every other append waits.
# What it raises goes to whoever asked; then nothing is appended, and what it did is undone.
Resolve = Callable[[Connection], Resolution]


class PartRow(NamedTuple):
    """A row of the table `records`, in the order of its columns."""

    writer: str
    seq: int
    part: str
    salt: bytes
    body: str
    subject: str | None


class ClaimRow(NamedTuple):
    """A row of the table `claims`, in the order of its columns."""

    scope: str
    key: bytes
    body: bytes
    answer: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry as it will be stored, but for its place in the chain.

    columns: from `kind` to `personal_digest`. packed: the same, as hashes are taken of them. parts: (part, salt, body,
    subject) of each row of `records`.
    """

    columns: tuple[Any, ...]
    packed: bytes
    parts: tuple[tuple[str, bytes, str, str | None], ...]


@dataclass(slots=True, eq=False)
class Order:
    """One call of append: it is written as a whole or not at all.

    about: ids that `resolve` decides upon, of which no other resolver may decide at the same time.
    """

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    entries: Sequence[Prepared] = ()
    claim: Claim | None = None
    answer: bytes = b""
    resolve: Resolve | None = None
    about: Sequence[str] = ()

    @property
    def size(self) -> int:
        """How many entries it counts for: to decide upon an id takes about as long as to append an entry."""
        return max(1, len(self.entries), len(self.about))


def prepare(entry: Entry) -> Prepared:
    """Return an entry as it will be stored; raises `ValueError` for what no database can hold (NUL, NaN)."""
    record = entry.record
    subject = None if record.subject is None else canonical(record.subject)
    inputs = _part(_INPUTS, record.inputs, None)
    personal = _part(_PERSONAL, record.personal, subject)
    columns = (
        entry.kind.value,
        entry.at,
        entry.use_case,
        entry.about,
        # SQLite keeps no sign of zero.
        None if entry.probability is None else float(entry.probability) + 0.0,
        entry.decision,
        entry.model,
        entry.policy,
        entry.contract,
        entry.request_id,
        entry.key_id,
        canonical(entry.details),
        None if inputs is None else part_digest(*inputs[1:]),
        None if personal is None else part_digest(*personal[1:]),
    )
    if "\0" in "".join([column for column in columns if isinstance(column, str)]):
        raise ValueError(f"a NUL character cannot be logged: {entry.about!r}, {entry.request_id!r}")
    packed = b"".join([encoded(column) for column in columns])
    return Prepared(columns, packed, tuple(part for part in (inputs, personal) if part is not None))


def place(prepared: Prepared, head: Head) -> tuple[Row, list[PartRow]]:
    """Return the rows of an entry that comes behind `head`."""
    seq = head.seq + 1
    links = head.hash + encoded(head.writer) + encoded(seq) + prepared.packed
    row = Row._make((head.writer, seq, *prepared.columns, hashlib.sha256(links).digest()))
    return row, [PartRow(head.writer, seq, *part) for part in prepared.parts]


def _part(
    name: str, fields: Mapping[str, Any] | None, subject: str | None
) -> tuple[str, bytes, str, str | None] | None:
    return None if fields is None else (name, os.urandom(SALT_BYTES), canonical(fields), subject)


# Looked up for every entry, and an enumeration's members are slow.
_INPUTS, _PERSONAL = Part.INPUTS.value, Part.PERSONAL.value
