"""How the service behaves under many users at once.

    locust -f tests/load/locustfile.py --headless -u 16 -r 16 -t 20s --host http://127.0.0.1:3000

It ends with exit code 1 when anything was answered by an error, or when the 99th percentile of /predict is above
--most-p99 (AVAL_LOAD_P99, in ms). Records are made from the service's own /schema, so that it works for every use
case; --records (AVAL_LOAD_RECORDS) takes them from a file of `aval sample USE_CASE -o FILE.jsonl` instead. --key
(AVAL_LOAD_KEY) is the API key, where one is asked for.
"""

from __future__ import annotations

import json
import logging
import random
import urllib.request
from itertools import cycle
from pathlib import Path
from typing import Any

from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from tests.load.schema_records import records_of

MADE = 500
IN_BULK = 20
LOG = logging.getLogger(__name__)
RECORDS: list[dict[str, Any]] = []


class Caller(FastHttpUser):
    """A system that asks for one decision after the other, now and then for many, or for the reasons of one."""

    def on_start(self) -> None:
        key = self.environment.parsed_options.key
        self.sent = {"X-API-Key": key} if key else {}
        start = random.randrange(len(RECORDS))  # noqa: S311
        self.records = cycle(RECORDS[start:] + RECORDS[:start])

    @task(20)
    def predict(self) -> None:
        self.ask("/predict", next(self.records), "decision_id")

    @task(1)
    def predict_bulk(self) -> None:
        records = [next(self.records) for _ in range(IN_BULK)]
        results = self.ask("/predict_bulk", {"records": records}, "results").get("results", [])
        if any("decision_id" not in result for result in results):
            self.environment.events.request.fire(
                request_type="POST",
                name="/predict_bulk: every record",
                response_time=0,
                response_length=0,
                exception=ValueError("a record was refused"),
            )

    @task(2)
    def explain(self) -> None:
        self.ask("/explain", next(self.records), "contributions")

    def ask(self, path: str, body: object, expected: str) -> dict[str, Any]:
        """Post a body, and count an answer without the expected field as a failure."""
        with self.client.post(path, json=body, headers=self.sent, catch_response=True) as answer:
            found: Any = answer.json() if answer.status_code == 200 else {}
            if expected not in found:
                answer.failure(f"{answer.status_code}: {answer.text[:300]}")
            return dict(found)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def add_options(parser: LocustArgumentParser) -> None:
    """Add our own options."""
    parser.add_argument("--most-p99", type=float, default=250.0, env_var="AVAL_LOAD_P99", help="in ms")
    parser.add_argument("--records", default="", env_var="AVAL_LOAD_RECORDS", help="a file of JSON lines")
    parser.add_argument("--key", default="", env_var="AVAL_LOAD_KEY", include_in_web_ui=False)


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def find_records(environment: Environment, **_: Any) -> None:
    """Read the records, or make them from what the service says of itself."""
    options: Any = environment.parsed_options
    if options.records:
        RECORDS[:] = [json.loads(line) for line in Path(options.records).read_text().splitlines()]
        return
    headers = {"X-API-Key": options.key} if options.key else {}
    request = urllib.request.Request(f"{environment.host}/schema", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        RECORDS[:] = records_of(json.load(answer), MADE)


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def judge(environment: Environment, **_: Any) -> None:
    """Set the exit code by what was measured."""
    total, predict = environment.stats.total, environment.stats.get("/predict", "POST")
    options: Any = environment.parsed_options
    p99, most = predict.get_response_time_percentile(0.99) or 0, options.most_p99
    found = {
        "nothing was answered": predict.num_requests == 0,
        f"{total.num_failures} of {total.num_requests} answers were errors": total.num_failures > 0,
        f"p99 of /predict is {p99:.0f} ms, above {most:g} ms": p99 > most,
    }
    reasons = [reason for reason, true in found.items() if true]
    for reason in reasons:
        LOG.error(reason)
    environment.process_exit_code = 1 if reasons else 0
