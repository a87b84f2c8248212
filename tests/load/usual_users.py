"""Users as Locust's own documentation has them, for comparison: each waits for its answer before it asks again."""

from __future__ import annotations

from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import FastHttpUser, constant_throughput, events, task
from locust.env import Environment

RATE, SECONDS = 100, 6


class Caller(FastHttpUser):
    """Asks so often in a second, unless an answer takes longer."""

    wait_time = constant_throughput(RATE)

    @task
    def predict(self) -> None:
        self.client.post("/predict", json={})


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def end_in_time(environment: Environment, **_: Any) -> None:
    """Count the time from the first request: --run-time counts it from the program's start."""
    assert environment.runner is not None
    gevent.spawn_later(SECONDS, environment.runner.quit)
