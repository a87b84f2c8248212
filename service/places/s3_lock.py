"""A lock that is an object in a bucket, made and replaced only under conditions that the store checks in one step.

Whoever holds it replaces it every few seconds. Who has not done so for a time, by the store's own clock, is taken for
dead, and the next one replaces the object; the late holder's next sign of life is then refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from service.errors import WrongUse
from service.places.holder import Holder
from service.places.place import Busy
from service.places.s3_client import Clients, S3Options, code_of, s3_errors
from service.places.s3_transfer import get_whole

_REFUSED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404")
_LOOKS_PER_BEAT = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """The lock as somebody left it. age: seconds since then, by the store's clock."""

    holder: Holder | None
    etag: str
    age: float


class S3Lock:
    """The lock at `key`; `uri` is the folder whose outputs it guards."""

    def __init__(self, clients: Clients, bucket: str, key: str, uri: str, options: S3Options) -> None:
        self._clients, self._bucket, self._key = clients, bucket, key
        self._uri, self._options = uri, options
        self._me = Holder.this()
        self._etag: str | None = None
        self._beats = 0
        self._confirmed = _now()
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, with a thread for the signs of life; raises `Busy`, or `WrongUse` if the store cannot."""
        with s3_errors(self._uri, WrongUse, "locked"):
            self._acquire()
        done = threading.Event()
        beating = threading.Thread(target=self._beat_until, args=(done,), daemon=True, name="lock")
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()
            self._release()

    def expect_held(self) -> None:
        """Raise `Busy` if the lock was lost, and ask the store if that is not certain."""
        if _now() - self._confirmed > self._options.stale_after / 2:
            with s3_errors(self._uri, WrongUse, "locked"):
                self._beat()
        if self._etag is None:
            raise Busy(
                f"{self._uri}: this run showed no sign of life for {self._options.stale_after:g} s, and another one "
                f"has taken over; let that one finish"
            )

    def _acquire(self) -> None:
        first: _Seen | None = None
        watched_from = _now()
        client = self._clients.lasting
        while not self._take(client, IfNoneMatch="*"):
            seen = self._look(client)
            if seen is None:
                continue
            if first is None:
                first = seen
            unchanged = _now() - watched_from if seen.etag == first.etag else 0.0
            if self._is_dead(seen, unchanged):
                if self._take(client, IfMatch=seen.etag):
                    return
            elif seen.etag != first.etag or (seen.holder is not None and seen.holder.lives_here()):
                raise Busy(f"{self._uri}: another run is writing here ({seen.holder}); wait until it is done")
            else:
                time.sleep(self._options.heartbeat / _LOOKS_PER_BEAT)
        self._expect_conditions()

    def _is_dead(self, seen: _Seen, unchanged: float) -> bool:
        if seen.holder is not None and seen.holder.lives_here() is False:
            return True
        return max(seen.age, unchanged) > self._options.stale_after

    def _expect_conditions(self) -> None:
        """Make sure that the store refuses what it should: one that ignores the condition would let everybody in."""
        if self._put(self._clients.lasting, IfNoneMatch="*") is not None:
            self._release()
            raise WrongUse(
                f"{self._uri}: this store ignores If-None-Match, without which two runs could write at once; "
                f"use one that knows conditional requests, or score to a local folder"
            )

    def _beat_until(self, done: threading.Event) -> None:
        while self._etag is not None and not done.wait(self._options.heartbeat):
            # What goes wrong for good, the next write finds out and says.
            with suppress(WrongUse), s3_errors(self._uri, WrongUse, "locked"):
                self._beat()

    def _beat(self) -> None:
        with self._one_at_a_time:
            if self._etag is not None and not self._take(self._clients.quick, IfMatch=self._etag):
                self._etag = None

    def _take(self, client: Any, **condition: str) -> bool:
        """Write the lock on a condition, and return whether it is this holder's now.

        A refusal may be of this holder's own second attempt, when the answer to the first was lost.
        """
        begun = _now()
        etag = self._put(client, **condition)
        if etag is None and (seen := self._look(client)) is not None and _same(seen.holder, self._me):
            etag = seen.etag
        if etag is None:
            return False
        self._etag, self._confirmed = etag, begun
        return True

    def _put(self, client: Any, **condition: str) -> str | None:
        """Return the tag of the lock as it was written, None if the store refused."""
        from botocore.exceptions import ClientError

        self._beats += 1
        body = self._me.to_bytes(self._beats)
        wanted = {**condition, **self._options.encryption}
        try:
            answer = client.put_object(Bucket=self._bucket, Key=self._key, Body=body, **wanted)
        except ClientError as refusal:
            if code_of(refusal) in _REFUSED:
                return None
            raise
        return str(answer["ETag"])

    def _look(self, client: Any) -> _Seen | None:
        from botocore.exceptions import ClientError

        try:
            answer, content = get_whole(client, self._bucket, self._key)
        except ClientError as refusal:
            if code_of(refusal) in ("NoSuchKey", "404"):
                return None
            raise
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        age = (now - answer["LastModified"]).total_seconds()
        return _Seen(Holder.read(content), str(answer["ETag"]), age)

    def _release(self) -> None:
        """Delete the lock if it is still this holder's; one that cannot be deleted is dead soon."""
        if self._etag is not None:
            with suppress(WrongUse), s3_errors(self._uri, WrongUse, "unlocked"):
                self._clients.quick.delete_object(Bucket=self._bucket, Key=self._key, IfMatch=self._etag)
            self._etag = None


def _same(holder: Holder | None, me: Holder) -> bool:
    return holder is not None and holder.token == me.token


def _now() -> float:
    """Return seconds of a clock that, where there is one, also runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
