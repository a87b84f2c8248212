"""What the core raises when a stored bundle cannot be trusted, and small checks on its JSON."""

from __future__ import annotations

import json
import sys
from typing import Any


class BundleInvalid(Exception):
    """A stored bundle that is damaged, forged, or of a kind this version does not know. Nothing of it is used."""


def expect_number(value: Any, what: str) -> float:
    """Return a finite float; raises `BundleInvalid` otherwise."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    raise BundleInvalid(f"{what}: {value!r} is not a finite number")


def expect_keys(body: Any, keys: set[str], what: str) -> dict[str, Any]:
    """Return a JSON object that has exactly these keys; raises `BundleInvalid` otherwise."""
    if not isinstance(body, dict) or set(body) != keys:
        seen = sorted(body) if isinstance(body, dict) else type(body).__name__
        raise BundleInvalid(f"{what}: expected exactly {sorted(keys)}, found {seen}")
    return body


def parse_json(content: bytes, what: str) -> Any:
    """Parse strict JSON (no NaN); raises `BundleInvalid` otherwise."""
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BundleInvalid(f"{what} is not valid JSON: {error}") from None


def canonical_json(body: Any) -> bytes:
    """Render JSON the one way that hashes are taken of: sorted keys, UTF-8, no NaN, a final newline."""
    return (json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")
