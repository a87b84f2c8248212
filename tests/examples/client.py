"""A client of the online service, to be copied into a program that asks for decisions; it needs httpx and nothing else.

    python client.py http://127.0.0.1:3000 [FILE_WITH_THE_KEY] < record.json

Whatever is asked twice is decided once: every attempt at a request carries the same Idempotency-Key. (A service without
a decision log knows no such key, and refuses it with a 400.)
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

Record = dict[str, Any]
# Overload, and trouble that may pass: asked again under the same Idempotency-Key, nothing is decided twice.
PASSING = frozenset({429, 500, 502, 503, 504})


class Problem(Exception):
    """The service said no: its status and detail, and for a 422 what is wrong with each field, in `errors`."""

    def __init__(self, answer: httpx.Response) -> None:
        told = "problem+json" in answer.headers.get("content-type", "")
        body: Record = answer.json() if told else {"detail": answer.reason_phrase}
        self.status = answer.status_code
        self.detail = str(body.get("detail", ""))
        self.errors: list[Record] = body.get("errors", [])
        # Name it to whoever runs the service: it is in their logs.
        self.request_id = str(body.get("request_id", answer.headers.get("x-request-id", "")))
        fields = "".join(f"\n  {error['message']}" for error in self.errors)
        super().__init__(f"{self.status}: {self.detail} (request {self.request_id}){fields}")


@dataclass(frozen=True)
class Aval:
    """One service: `with Aval(url, key) as aval: ...`, one for all calls, because it keeps connections open.

    `seconds` bound a call with all its attempts, `attempt_seconds` a single one.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    seconds: float = 5.0
    attempt_seconds: float = 2.0
    http: httpx.Client = field(default_factory=httpx.Client, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def predict(self, record: Record) -> Record:
        """Return the decision on one record. Raises `Problem`, and `httpx.TransportError` if nobody answers in time."""
        return self._post("/predict", record)

    def predict_bulk(self, records: Sequence[Record]) -> list[Record]:
        """Return for each of up to 1,000 records, in their order, a decision or a problem."""
        results: list[Record] = self._post("/predict_bulk", {"records": list(records)})["results"]
        return results

    def explain(self, record: Record) -> Record:
        """Return all contributions to a record's score, and what would change the decision."""
        return self._post("/explain", record)

    def outcomes(self, told: Sequence[Record]) -> list[Record]:
        """Tell what really happened; told again, it changes nothing."""
        results: list[Record] = self._post("/outcomes", {"outcomes": list(told)})["results"]
        return results

    def _post(self, path: str, body: Record) -> Record:
        headers = {"idempotency-key": str(uuid.uuid4())}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        until = time.monotonic() + self.seconds
        for attempt in itertools.count():
            wait = _pause(attempt)
            # A last attempt has the time that is left, which is none where a pause took longer than it was to.
            timeout = min(self.attempt_seconds, max(until - time.monotonic(), 0.001))
            try:
                answer = self.http.post(self.url + path, json=body, headers=headers, timeout=timeout)
            except httpx.TransportError:
                if time.monotonic() + wait >= until:
                    raise
            else:
                if answer.is_success:
                    return dict(answer.json())
                wait = max(wait, _told_to_wait(answer))
                if answer.status_code not in PASSING or time.monotonic() + wait >= until:
                    raise Problem(answer)
            time.sleep(wait)
        raise AssertionError("counting does not end")


def _pause(attempt: int) -> float:
    """Return how long to wait: at random, so that many clients do not all come back at once, and longer each time."""
    return 0.05 + random.uniform(0, min(0.1 * 2**attempt, 2.0))  # noqa: S311  # no secret


def _told_to_wait(answer: httpx.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdigit() else 0.0


if __name__ == "__main__":
    secret = Path(sys.argv[2]).read_text("utf-8").strip() if len(sys.argv) > 2 else None
    with Aval(sys.argv[1], secret) as aval:
        try:
            print(json.dumps(aval.predict(json.load(sys.stdin)), indent=2))  # noqa: T201
        except Problem as problem:
            sys.exit(str(problem))
