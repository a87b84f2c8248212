"""API keys: what the file of keys says of each, and nothing by which one could be used."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.errors import WrongUse

PREFIX = "aval_"
SCOPES = ("predict", "outcomes", "batch", "read")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: who it was made for, what it opens, and the SHA-256 of its secret.

    The secret is 256 random bits, so that a fast hash keeps it as safe as a slow one: there is nothing to guess.
    requests_per_second and burst bound its rate; None for no bound. expires_at is the first moment it is refused.
    replaced_by: id of the key that a rotation made in its place.
    """

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    requests_per_second: float | None = None
    burst: int | None = None
    replaced_by: str | None = None

    def expired(self, now: datetime) -> bool:
        """Return whether it is refused at this time."""
        return self.expires_at is not None and now >= self.expires_at

    def to_json(self) -> dict[str, Any]:
        """Return its entry in the file of keys."""
        return {
            "id": self.id,
            "name": self.name,
            "sha256": self.sha256,
            "scopes": list(self.scopes),
            "created_at": self.created_at.isoformat(timespec="seconds"),
            "expires_at": self.expires_at and self.expires_at.isoformat(timespec="seconds"),
            "requests_per_second": self.requests_per_second,
            "burst": self.burst,
            "replaced_by": self.replaced_by,
        }


def new_secret() -> str:
    """Return a new secret: 256 random bits behind a prefix by which scanners of leaked secrets recognise it."""
    return PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def new_id() -> str:
    """Return a new key's id, which is public: it stands in logs and in the decision log."""
    return f"key-{secrets.token_hex(4)}"


def digest_of(secret: str) -> str:
    """Return the SHA-256 by which the file knows a secret, as 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def keys_json(keys: Sequence[ApiKey]) -> bytes:
    """Return the file that holds these keys."""
    return json.dumps({"keys": [key.to_json() for key in keys]}, indent=1).encode() + b"\n"


def parse_keys(content: bytes) -> tuple[ApiKey, ...]:
    """Return the keys of a file; raises `WrongUse` with field, value and what is allowed."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"it is not JSON ({type(error).__name__})") from None
    if not isinstance(body, dict) or set(body) != {"keys"} or not isinstance(body["keys"], list):
        raise WrongUse('it must be {"keys": [...]}, as `aval keys create` makes it')
    keys = tuple(key_of(entry, f"keys[{number}].") for number, entry in enumerate(body["keys"]))
    for name in ("id", "sha256"):
        [(value, times)] = Counter(getattr(key, name) for key in keys).most_common(1) or [("", 0)]
        if times > 1:
            raise WrongUse(f"keys: the {name} {value!r} stands {times} times; each must be its own")
    return keys


def key_of(entry: Any, place: str = "") -> ApiKey:
    """Return the key of an entry; raises `WrongUse` with field, value and what is allowed. `place` stands before it."""
    if not isinstance(entry, dict):
        raise WrongUse(f"{place[:-1]} must be an object with: {', '.join(_FIELDS)}")
    if unknown := sorted(set(entry) - set(_FIELDS)):
        # The name alone: what was written beside it may be a secret.
        raise WrongUse(f"{place}{unknown[0][:60]} is not one of: {', '.join(_FIELDS)}")
    for name, (allows, allowed) in _FIELDS.items():
        if name not in entry and name in _REQUIRED:
            raise WrongUse(f"{place}{name} is missing; it must be {allowed}")
        if not allows(entry.get(name)):
            seen = "" if name in _UNSHOWN else f"={repr(entry[name])[:60]}"
            raise WrongUse(f"{place}{name}{seen} must be {allowed}")
    expires_at = entry.get("expires_at")
    return ApiKey(
        entry["id"],
        entry["name"],
        entry["sha256"],
        tuple(entry["scopes"]),
        _utc(entry["created_at"]),
        _utc(expires_at) if expires_at else None,
        entry.get("requests_per_second"),
        entry.get("burst"),
        entry.get("replaced_by"),
    )


def default_burst(requests_per_second: float) -> int:
    """Return how many requests may come at once where nothing is said: what a second allows, and at least one."""
    return max(1, math.ceil(requests_per_second))


def _is_text(pattern: str) -> Callable[[Any], bool]:
    matches = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def _is_time(value: Any) -> bool:
    try:
        return (
            isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None and bool(_utc(value))
        )
    except (ValueError, OverflowError):
        # In the last or the first hours that there are, a time with an offset may be none in UTC.
        return False


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _is_scopes(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) == len({str(item) for item in value} & set(SCOPES))


def _is_rate(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= MOST_RATE


def _is_burst(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_RATE


def _or_null(allows: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or allows(value)


MOST_RATE = 1_000_000
_ID = "1 to 64 letters, digits, dots, dashes and underscores"
_is_id = _is_text(r"[A-Za-z0-9._-]{1,64}")
_TIME = "a time with its zone, such as 2027-01-31T00:00:00+00:00"
_REQUIRED = frozenset({"id", "name", "sha256", "scopes", "created_at"})
# Somebody may have written the secret itself here.
_UNSHOWN = frozenset({"sha256"})
_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_id, _ID),
    "name": (_is_text(r"[^\x00-\x1f\x7f]{1,100}"), "1 to 100 characters on one line"),
    "sha256": (_is_text(r"[0-9a-f]{64}"), "the SHA-256 of the secret, 64 hex digits, and never the secret"),
    "scopes": (_is_scopes, f"a list of one or more of: {', '.join(SCOPES)}"),
    "created_at": (_is_time, _TIME),
    "expires_at": (_or_null(_is_time), f"{_TIME}, or null"),
    "requests_per_second": (_or_null(_is_rate), f"a number above 0 and at most {MOST_RATE}, or null"),
    "burst": (_or_null(_is_burst), f"a whole number from 1 to {MOST_RATE}, or null"),
    "replaced_by": (_or_null(_is_id), f"{_ID}, or null"),
}
