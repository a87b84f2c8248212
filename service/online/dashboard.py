"""What `/dashboard.json` answers: figures that were counted before, and why there are none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.errors import AvalError
from service.monitoring.dashboard import read_period
from service.monitoring.watch import Watch
from service.problems import ProblemError, problem_response

OFF = "the decision log is off here (AVAL_DECISION_LOG=off), so that there is nothing to count"


def dashboard_json_of(
    watch: Watch | None, traffic: Callable[[], dict[str, Any]]
) -> Callable[[Request], Response]:
    """Return what answers requests for the figures of a dashboard; watch: None where the decision log is off.

    It takes milliseconds in a thread of its own, and starts the counting of what is new.
    """

    def get(request: Request) -> Response:
        try:
            if watch is None:
                raise ProblemError(404, OFF)
            period = read_period(request.query_params.multi_items(), time.time_ns() // 1000)
            watch.look()
            return JSONResponse(watch.board(period, traffic()), headers={"cache-control": "no-store"})
        except AvalError as error:
            problem = ProblemError(503, str(error), headers={"retry-after": "10"})
            return problem_response(problem, request.state.request_id)
        except ProblemError as problem:
            return problem_response(problem, request.state.request_id)

    return get
