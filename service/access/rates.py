"""How fast each key may ask: token buckets that all workers of a machine share."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from service.access.keys import ApiKey, default_burst

# A table of slots, each the first 8 bytes of a hash of the key's id and the time until which its bucket is emptied.
_SLOT = struct.Struct("<Qd")
_SLOTS = 4096
_SIZE = _SLOT.size * _SLOTS


class Rates:
    """Token buckets by key, in memory that the workers share through a file; without one, this process's own.

    A bucket is one number, the time at which it would be full again (the generic cell rate algorithm, ITU-T I.371):
    it says the same as a count of tokens and the time of counting, and is written in one piece. Two workers that take
    from one bucket within the same microsecond may count one request for two; a lock would cost every request more.
    """

    def __init__(self, shared: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = _open_table(shared)
        self._clock = clock
        self._places: dict[str, int] = {}

    def take(self, key: ApiKey) -> float:
        """Return 0 and count the request if the key may ask now, else the seconds until it may."""
        if key.requests_per_second is None:
            return 0.0
        place = self._places.get(key.id)
        if place is None:
            place = self._places[key.id] = self._find(key.id)
        now, interval = self._clock(), 1 / key.requests_per_second
        most_ahead = interval * (key.burst or default_burst(key.requests_per_second))
        mark, full_at = _SLOT.unpack_from(self._table, place)
        # Further ahead than a bucket can be is a table from before the machine was last started, or a rate changed.
        if not now < full_at <= now + most_ahead + interval:
            full_at = now
        wait = full_at + interval - most_ahead - now
        # A sum of intervals is off by a few roundings; a request at its exact time is in time.
        if wait > interval * 1e-3:
            return float(wait)
        _SLOT.pack_into(self._table, place, mark, full_at + interval)
        return 0.0

    def _find(self, key_id: str) -> int:
        mark = int.from_bytes(hashlib.sha256(key_id.encode()).digest()[:8], "little") or 1
        for step in range(_SLOTS):
            place = (mark + step) % _SLOTS * _SLOT.size
            (found, _) = _SLOT.unpack_from(self._table, place)
            if found == 0:
                _SLOT.pack_into(self._table, place, mark, 0.0)
            if found in (0, mark):
                return place
        # More keys than slots were ever seen: two of them share a bucket.
        return mark % _SLOTS * _SLOT.size


def _open_table(shared: Path | None) -> mmap.mmap:
    if shared is None:
        return mmap.mmap(-1, _SIZE)
    shared.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(shared, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(handle, _SIZE)
        return mmap.mmap(handle, _SIZE)
    finally:
        os.close(handle)
