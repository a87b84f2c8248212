"""Lets through whoever shows a key that opens the path, as often as the key allows."""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.key_file import KeyRing
from service.access.keys import ApiKey
from service.access.rates import Rates
from service.problems import ProblemError

RequiredScope = Callable[[str, str], str | None]
_BEARER: Final = 'Bearer realm="aval"'
_BASIC: Final = 'Basic realm="aval", charset="UTF-8"'
_HOW = "send it as `Authorization: Bearer KEY`, as `X-API-Key: KEY`, or as the password of HTTP Basic"


class Guard:
    """Asks every request for a key with the scope that its method and path need; the key's id goes into the state.

    Refuses by `ProblemError`, which the middleware around it answers: 401 without a valid key, 403 without the scope,
    429 with `Retry-After` for a key that asks too often. No answer and no log line holds a key. Without keys, or for a
    path that needs none, everything passes, with the id ''.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyRing | None,
        required_scope: RequiredScope,
        rates: Rates | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.app = app
        self._keys = keys
        self._required_scope = required_scope
        self._rates = rates or Rates()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "http":
            scope.setdefault("state", {})["key_id"] = self._admit(scope)
        elif scope["type"] == "websocket" and self._keys is not None:
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _admit(self, scope: Scope) -> str:
        if self._keys is None:
            return ""
        needed = self._required_scope(scope["method"], scope["path"])
        if needed is None:
            return ""
        key = self._key(scope, self._keys)
        if needed not in key.scopes:
            opened = ", ".join(key.scopes)
            detail = f"this needs a key with the scope {needed!r}; yours, {key.id}, has: {opened}"
            raise ProblemError(403, detail)
        wait = self._rates.take(key)
        if wait:
            seconds = max(1, math.ceil(wait))
            detail = f"{key.id} may ask {key.requests_per_second:g} times a second; try again in {seconds} s"
            raise ProblemError(429, detail, headers={"retry-after": str(seconds)})
        return key.id

    def _key(self, scope: Scope, keys: KeyRing) -> ApiKey:
        secret = shown_secret(scope)
        if not secret:
            raise _unauthorized(scope, f"an API key is needed; {_HOW}")
        key = keys.find(secret)
        if key is None:
            raise _unauthorized(scope, f"this API key is not known; {_HOW}")
        if key.expires_at is not None and self._clock() >= key.expires_at.timestamp():
            when = key.expires_at.isoformat(timespec="seconds")
            raise _unauthorized(scope, f"the API key {key.id} expired at {when}; ask for a new one")
        return key


def shown_secret(scope: Scope) -> bytes:
    """Return the key that a request shows, empty for none; of two, `X-API-Key` counts."""
    shown = b""
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value.strip())
        if name == b"authorization":
            shown = value
    kind, _, credentials = shown.partition(b" ")
    return _CREDENTIALS.get(kind.lower(), _none)(credentials.strip())


def _basic(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _bearer(credentials: bytes) -> bytes:
    return credentials


def _none(_: bytes) -> bytes:
    return b""


_CREDENTIALS: Final = {b"bearer": _bearer, b"basic": _basic}


def _unauthorized(scope: Scope, detail: str) -> ProblemError:
    # Only a person in front of a browser is asked by it for a password; a program would get nothing out of it.
    accepts = b",".join(value for name, value in scope["headers"] if name == b"accept")
    browser = scope["method"] == "GET" and b"text/html" in accepts.lower()
    return ProblemError(401, detail, headers={"www-authenticate": _BASIC if browser else _BEARER})
