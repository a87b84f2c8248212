"""Messages by POST to a URL, as JSON.

The header `Idempotency-Key` is the message's id: the same when it is sent again. With a secret, `Aval-Signature` is
`sha256=` and the HMAC-SHA256, in hex, of the header `Aval-Timestamp`, a dot, and the body. A receiver compares it in
constant time, and refuses a timestamp (seconds since 1970) that is minutes old.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from training.alerts.channels.channel import NotSent
from training.alerts.finding import Severity
from training.alerts.message import Message

# What may pass by itself; any other answer would be the same again.
_PASSING = frozenset({408, 425, 429})
# What is about the message and not about the place: another message may be taken.
_ABOUT_MESSAGE = frozenset({400, 409, 413, 422})


@dataclass(frozen=True)
class Webhook:
    """url: often holds a secret itself, so that no message shows more of it than its host. secret: for the signature.

    timeout: seconds that the other side may be silent. pauses: seconds before each new attempt.
    """

    name: str
    url: str = field(repr=False)
    lowest: Severity = "warning"
    secret: bytes | None = field(default=None, repr=False)
    ca_file: str | None = None
    timeout: float = 10.0
    pauses: tuple[float, ...] = (1.0, 3.0)

    def send(self, message: Message) -> str:
        """Post it, again after a pause where that may help; redirects are not followed."""
        body = json.dumps(message.body, allow_nan=False).encode()
        opener = _opener(self.ca_file)
        for pause in self.pauses:
            try:
                return self._post(opener, message, body)
            except _PassingFault:
                time.sleep(pause)
        return self._post(opener, message, body)

    def _post(self, opener: OpenerDirector, message: Message, body: bytes) -> str:
        request = Request(self.url, body, self._headers(message, body), method="POST")  # noqa: S310  # http or https
        host = urlsplit(self.url).hostname
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                return f"{host} answered {answer.status}"
        except HTTPError as error:
            # It holds the connection.
            error.close()
            raise _fault_of_status(f"{host} answered {error.code}", error.code) from None
        except (URLError, OSError, HTTPException) as error:
            # The words of an exception of http.client may quote what it was sent.
            why = getattr(error, "reason", None) or type(error).__name__
            raise _PassingFault(f"{host}: {why}") from None

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "aval",
            "Idempotency-Key": message.id,
        }
        if self.secret is not None:
            stamp = str(int(time.time()))
            headers |= {"Aval-Timestamp": stamp, "Aval-Signature": signature(self.secret, stamp, body)}
        return headers


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return what the header `Aval-Signature` holds."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


class _PassingFault(NotSent):
    """A fault that may be over in a moment."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the message would reach a place that nobody has named."""


def _opener(ca_file: str | None) -> OpenerDirector:
    return build_opener(_NoRedirects(), HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))


def _fault_of_status(why: str, status: int) -> NotSent:
    if status >= 500 or status in _PASSING:
        return _PassingFault(why)
    if status < 400:
        return NotSent(f"{why}, a redirect, which is not followed: name the place itself")
    return NotSent(why, down=status not in _ABOUT_MESSAGE)
