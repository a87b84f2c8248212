"""Generated records as JSON has them, and what every answer that says no must be."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx
import numpy as np

from training.use_cases import use_cases

Record = dict[str, Any]


@cache
def records(use_case: str, rows: int = 300) -> list[Record]:
    """Return generated records of a use case, without their outcome."""
    case = use_cases()[use_case]
    table = case.sample(rows, seed=3).drop(columns=case.contract.outcome.name)
    made: list[Record] = json.loads(table.to_json(orient="records", double_precision=15))
    return made


def shuffled(record: Record, seed: int) -> Record:
    """Return the record with its fields in another order."""
    fields = list(record.items())
    return dict(fields[position] for position in np.random.default_rng(seed).permutation(len(fields)))


def with_raw(record: Record, field: str, raw: str) -> bytes:
    """Return the record as a body in which the field's value is this text, valid JSON or not."""
    return json.dumps({**record, field: "@@"}).replace('"@@"', raw).encode()


def problem(answer: httpx.Response, status: int) -> Record:
    """Return the problem that an answer holds, after checks of all that every problem has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    body: Record = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def refused(answer: httpx.Response) -> list[Record]:
    """Return the entries on refused fields of a 422, each with field, value and what is allowed."""
    errors: list[Record] = problem(answer, 422)["errors"]
    for error in errors:
        assert set(error) == {"field", "code", "value", "allowed", "message"}
        assert error["allowed"]
    return errors


def refused_field(answer: httpx.Response) -> Record:
    """Return the entry of the only refused field."""
    (error,) = refused(answer)
    return error
