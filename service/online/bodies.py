"""From the bytes of a body to JSON data, and nothing that a parser lets through and a contract must not see."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from service.problems import ProblemError

# A record holds no lists and no objects; deeper than this, words about it would exhaust the stack.
MOST_LEVELS = 32


def parse_body(body: bytes) -> Any:
    """Parse UTF-8 JSON; NaN, Infinity and numbers too large for float64 come out as floats for the contract to refuse.

    Raises `ProblemError` 400 for what is not JSON, is nested too deeply, or has a field twice.
    """
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ProblemError(400, "the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ProblemError(400, f"the body is not valid JSON: {error}") from None
    except ValueError:
        # Python reads no integer of more than 4,300 digits, lest it take minutes.
        raise ProblemError(400, "the body holds an integer of thousands of digits") from None
    _refuse_depth(parsed)
    return parsed


def _refuse_depth(parsed: Any) -> None:
    level = [parsed]
    for _ in range(MOST_LEVELS):
        level = [child for item in level if isinstance(item, (dict, list)) for child in _children(item)]
        if not level:
            return
    raise ProblemError(400, "the body is nested too deeply")


def _children(item: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ProblemError(400, f"the field {twice[:60]!r} stands twice")
    return found
