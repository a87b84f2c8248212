"""The file of API keys: read when it changes, and changed in one step by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from service.access.keys import ApiKey, keys_json, parse_keys
from service.errors import WrongUse

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_Stamp = tuple[int, int, int] | None


class KeyRing:
    """The keys of a file, which may change while they are in use.

    The file is looked at once a second at most, when a key is asked for, and read when it is another one. All of its
    keys change at once. A file that is damaged or gone leaves the last good keys in force, with one line in the log;
    at the start it raises `WrongUse`.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._next_look = clock() + _LOOK_SECONDS
        self._stamp = _stamp(path)
        self._by_digest = _by_digest(read_keys(path))

    def find(self, secret: bytes) -> ApiKey | None:
        """Return the key with this secret, expired or not, None where there is none.

        Looking up by digest tells a caller who measures time nothing of use: how far a digest agrees with a stored one
        would matter only to whoever can choose digests, and finding an input for a chosen digest is what SHA-256
        denies. The last step compares all bytes in constant time all the same.
        """
        if self._clock() >= self._next_look:
            self._look()
        digest = hashlib.sha256(secret).digest()
        found = self._by_digest.get(digest)
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        return found[1]

    def _look(self) -> None:
        self._next_look = self._clock() + _LOOK_SECONDS
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._by_digest = _by_digest(read_keys(self._path))
        except WrongUse as error:
            _LOG.error("%s; the keys read before stay in force", error)
        else:
            _LOG.info("%d API keys read from %s", len(self._by_digest), self._path)


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Return the keys of a file; raises `WrongUse` for one that is missing, unreadable or damaged."""
    try:
        return parse_keys(path.read_bytes())
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); run: aval keys create NAME --file {path}"
        raise WrongUse(f"the file of API keys {path} {reason}") from None
    except WrongUse as error:
        raise WrongUse(f"the file of API keys {path} is damaged: {error}") from None


@contextmanager
def changing_keys(path: Path) -> Iterator[list[ApiKey]]:
    """Yield the keys of a file to be changed in place, and write them in one step when the block ends without error.

    Whoever else wants to change them waits. The file is made where there is none, readable by its owner alone; one
    that exists keeps its mode and owner. Raises `WrongUse` for a damaged file, which is left as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Through links, so that a mounted secret's target is replaced and not the link.
    target = path.resolve()
    with target.with_name(f".{target.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = list(read_keys(target)) if target.exists() else []
        yield keys
        _replace(target, keys)


def _replace(target: Path, keys: Sequence[ApiKey]) -> None:
    # The file is made with mode 0600.
    handle, scratch = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            if target.exists():
                _keep_rights(target, handle)
            out.write(keys_json(keys))
            out.flush()
            os.fsync(out.fileno())
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _keep_rights(target: Path, handle: int) -> None:
    """Keep what lets a server under another user read the file; whoever may not give a file away keeps the mode."""
    was = target.stat()
    with suppress(PermissionError):
        os.fchown(handle, was.st_uid, was.st_gid)
    os.fchmod(handle, was.st_mode & 0o777)


def _by_digest(keys: Sequence[ApiKey]) -> Mapping[bytes, tuple[bytes, ApiKey]]:
    return {(digest := bytes.fromhex(key.sha256)): (digest, key) for key in keys}


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
