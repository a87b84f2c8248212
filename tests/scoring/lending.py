"""A small lending contract with every type of column, and records of it that are all accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

LENDING: dict[str, Any] = {
    "use_case": "lending",
    "title": "Consumer lending",
    "columns": [
        {"name": "age", "type": "integer", "minimum": 18, "maximum": 120, "unit": "years", "example": 40},
        {"name": "income", "type": "number", "minimum": 0, "unit": "EUR", "example": 2500.5},
        {
            "name": "amount",
            "type": "number",
            "minimum": 0,
            "nullable": True,
            "missing_markers": ["?"],
            "example": 900,
        },
        {"name": "purpose", "type": "category", "levels": ["car", "radio/TV", "education"], "example": "car"},
        {
            "name": "Saving accounts",
            "type": "category",
            "levels": ["NA", "little", "rich"],
            "null_level": "NA",
        },
        {"name": "pay.status", "type": "category", "levels": [0, 1, 2], "example": 1},
        {"name": "employed", "type": "boolean", "required": False, "example": True},
        {
            "name": "sex",
            "type": "category",
            "role": "protected",
            "levels": ["female", "male"],
            "example": "male",
        },
        {"name": "applied at", "type": "time", "role": "time", "example": "2026-11-20T08:30:00"},
        {"name": "application_id", "type": "id", "role": "id", "example": "A-1"},
    ],
    "derived": [
        {"name": "amount to income", "operation": "ratio", "of": ["amount", "income"]},
        {"name": "income left", "operation": "difference", "of": ["income", "amount"]},
        {"name": "log of income", "operation": "log", "of": ["income"]},
        {"name": "hour", "operation": "hour", "of": ["applied at"]},
        {"name": "weekday", "operation": "weekday", "of": ["applied at"]},
    ],
    "ignored": ["row"],
    "outcome": {"name": "bad", "bad": [1], "good": [0]},
}
RECORD: dict[str, Any] = {
    "age": 40,
    "income": 2500.5,
    "amount": 900,
    "purpose": "car",
    "Saving accounts": "little",
    "pay.status": 1,
    "employed": True,
    "sex": "male",
    "applied at": "2026-11-20T08:30:00",
    "application_id": "A-1",
}


def random_records(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Return records that are all accepted."""
    return [
        {
            "age": int(rng.integers(18, 90)),
            "income": float(np.round(rng.lognormal(8, 1), 2)),
            "amount": None if rng.random() < 0.2 else float(np.round(rng.lognormal(7, 1), 2)),
            "purpose": str(rng.choice(["car", "radio/TV", "education"])),
            "Saving accounts": None if rng.random() < 0.3 else str(rng.choice(["NA", "little", "rich"])),
            "pay.status": int(rng.integers(3)),
            "employed": None if rng.random() < 0.2 else bool(rng.random() < 0.8),
            "sex": str(rng.choice(["female", "male"])),
            "applied at": f"2026-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d} {rng.integers(24):02d}:30",
            "application_id": f"A-{row}",
        }
        for row in range(count)
    ]


RECORDS = random_records(np.random.default_rng(0), 60)
TABLE = pa.Table.from_pylist(RECORDS)
