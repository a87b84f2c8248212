"""The hash chain: every entry's hash covers the entry and the hash before it, one chain per writer.

An auditor can repeat it in any language. The hash of an entry is SHA-256 over these bytes, one after the other:

1. the hash of the writer's entry before it, 32 bytes; 32 zero bytes for the writer's first entry, whose `seq` is 1;
2. every column of the entry in the order of `Row`, `hash` excepted, each as one ASCII letter and its content:
   `n` alone for NULL; `i` and a signed 64-bit integer, big-endian; `f` and an IEEE 754 binary64, big-endian;
   `s` (text, in UTF-8) or `b` (bytes) and their length in bytes as an unsigned 32-bit integer, big-endian, then these.

`inputs_digest` and `personal_digest` are SHA-256 over the salt (16 bytes) and, encoded as above, the body and the
subject of the part that the table `records` holds, or NULL where the entry has no such part. When the part's row is
erased its digest stays: the chain can still be checked, and without the salt nobody can try out what the body was.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

GENESIS = bytes(32)


class Row(NamedTuple):
    """A row of the table `entries`, in the order of its columns."""

    writer: str
    seq: int
    kind: str
    at: int
    use_case: str
    about: str
    probability: float | None
    decision: str | None
    model: str
    policy: str
    contract: str
    request_id: str
    key_id: str
    details: str
    inputs_digest: bytes | None
    personal_digest: bytes | None
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a writer's chain; `seq` 0 and the hash of zeros while it has none."""

    writer: str
    seq: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a chain does not hold, and why."""

    writer: str
    seq: int
    why: str


def part_digest(salt: bytes, body: str, subject: str | None) -> bytes:
    """Return what the chain commits to in the place of a record's part."""
    return hashlib.sha256(salt + encoded(body) + encoded(subject)).digest()


def entry_hash(previous: bytes, row: Row) -> bytes:
    """Return the hash that a row must have behind the entry whose hash is `previous`; its own hash is not read."""
    return hashlib.sha256(previous + b"".join(map(encoded, row[:-1]))).digest()


def breaks(rows: Iterable[Row], start: Head) -> Iterator[Break]:
    """Yield every place where the rows, one writer's in the order of `seq`, do not continue the chain from `start`.

    Behind a break the chain is taken up again from what is there, so that each alteration is found by itself.
    """
    seq, previous = start.seq, start.hash
    for row in rows:
        if row.seq != seq + 1:
            yield Break(row.writer, seq + 1, f"entry {seq + 1} is missing: the next one there is {row.seq}")
        elif row.hash != entry_hash(previous, row):
            yield Break(row.writer, row.seq, f"entry {row.seq} or the one before it is not what was written")
        seq, previous = row.seq, row.hash


def encoded(value: str | int | float | bytes | None) -> bytes:
    """Return one column in the encoding that hashes are taken of."""
    if value is None:
        return b"n"
    if isinstance(value, str):
        content = value.encode()
        return _TEXT(b"s", len(content)) + content
    if isinstance(value, int):
        return _INTEGER(b"i", value)
    if isinstance(value, float):
        return _NUMBER(b"f", value)
    return _TEXT(b"b", len(value)) + value


_TEXT = struct.Struct(">cI").pack
_INTEGER = struct.Struct(">cq").pack
_NUMBER = struct.Struct(">cd").pack
