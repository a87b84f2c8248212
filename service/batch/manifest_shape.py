"""Whether JSON data have the fields of a manifest, each of its type: nothing else is compared, and nothing trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from service.batch.manifest import InputFacts, OutputFacts, RunFacts
from service.errors import UnreadableInput

_TOTALS: dict[str, Any] = {
    "rows_in": int,
    "rows_scored": int,
    "rows_quarantined": int,
    "decisions": dict[str, int],
    "findings": dict[str, int],
}
_SCORE: dict[str, Any] = {"counts": list[int], "reference": list[int], "psi": float | None}
_LISTS: dict[str, Any] = {"inputs": InputFacts, "outputs": OutputFacts, "runs": RunFacts}


def manifest_body(content: bytes, shown: str) -> dict[str, Any]:
    """Return the JSON data of a manifest; raises `UnreadableInput` that says where it is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableInput(
            f"{shown} is no manifest of aval: it is no JSON; was it copied or downloaded whole?"
        ) from None
    wrong = _wrong(body, _TOTALS, "it") or _wrong(body.get("score"), _SCORE, "score")
    wrong = wrong or next(filter(None, (_wrong_list(body, name) for name in _LISTS)), None)
    if wrong:
        raise UnreadableInput(f"{shown} is no manifest of aval: {wrong}")
    found: dict[str, Any] = body
    return found


def _wrong_list(body: Mapping[str, Any], name: str) -> str | None:
    items = body.get(name)
    if not isinstance(items, list) or (name == "runs" and not items):
        return f"it has no list of {name}"
    kinds = get_type_hints(_LISTS[name])
    found = (_wrong(item, kinds, f"{name}[{position}]") for position, item in enumerate(items))
    return next(filter(None, found), None)


def _wrong(body: Any, kinds: Mapping[str, Any], where: str) -> str | None:
    if not isinstance(body, dict):
        return f"{where} is no object"
    for name, kind in kinds.items():
        if name not in body:
            return f"{where} has no {name}"
        if not _is(body[name], kind):
            return f"{name}={body[name]!r:.60} of {where} is not what it must be"
    return None


def _is(value: Any, kind: Any) -> bool:
    if kind is int:
        return type(value) is int and 0 <= value < 2**63
    if kind in (str, bool, float, type(None)):
        return type(value) is kind
    inside = get_args(kind)
    if isinstance(value, dict):
        return getattr(kind, "__origin__", None) is dict and all(
            _is(item, inside[1]) for item in value.values()
        )
    if isinstance(value, list):
        return getattr(kind, "__origin__", None) in (list, tuple) and all(
            _is(item, inside[0]) for item in value
        )
    return type(None) in inside and any(_is(value, one) for one in inside)
