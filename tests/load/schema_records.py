"""Records made from the JSON Schema that a service publishes, whatever its use case."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Field = Mapping[str, Any]
Record = dict[str, Any]
NULL_SHARE = 0.2
EXAMPLE_SHARE = 0.3
# As an amount varies from one case to the next: the middle two thirds lie within a factor of two.
SPREAD = 0.7


def records_of(schema: Mapping[str, Any], count: int, seed: int = 0) -> list[Record]:
    """Return that many records: the schema's examples first, then such as it allows, spread around its examples."""
    chance = random.Random(seed)  # noqa: S311 - the same records every time
    made = [dict(example) for example in schema.get("examples", ())][:count]
    return made + [_record(schema, chance) for _ in range(count - len(made))]


def _record(schema: Mapping[str, Any], chance: random.Random) -> Record:
    required = schema.get("required", ())
    return {
        name: _value(field, chance)
        for name, field in schema["properties"].items()
        if name in required or ("x-role" in field and chance.random() > NULL_SHARE)
    }


def _value(field: Field, chance: random.Random) -> Any:
    if "enum" in field:
        return chance.choice(field["enum"])
    kinds = [field["type"]] if isinstance(field["type"], str) else list(field["type"])
    if "null" in kinds and chance.random() < NULL_SHARE:
        return None
    examples = field.get("examples", ())
    if examples and chance.random() < EXAMPLE_SHARE:
        return chance.choice(examples)
    kind = next(kind for kind in kinds if kind != "null")
    return _MAKERS[kind](field, chance)


def _number(field: Field, chance: random.Random) -> float:
    low, high = field.get("minimum", -math.inf), field.get("maximum", math.inf)
    usual = next(iter(field.get("examples") or ()), None)
    if isinstance(usual, (int, float)) and usual:
        value = usual * math.exp(chance.gauss(0, SPREAD))
    else:
        value = max(low, -100.0) + 100 * chance.random()
    return float(min(max(value, low), high))


def _integer(field: Field, chance: random.Random) -> int:
    return round(_number(field, chance))


def _text(field: Field, chance: random.Random) -> str:
    if "pattern" in field:
        day, second = chance.randrange(1, 29), chance.randrange(86_400)
        return f"2026-10-{day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return str(uuid.UUID(int=chance.getrandbits(128)))


_MAKERS: Mapping[str, Callable[[Field, random.Random], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": lambda _, chance: chance.random() < 0.5,
    "string": _text,
}
