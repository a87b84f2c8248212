"""What is told of a task: how far it is, and what it came to."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from service.online.tasks.task import State, Status
from service.problems import ProblemError

_ERROR = "aval: error: "
_GOES_ON = "submit the same again, and it goes on where it was"
# The batch command's exit codes: a check said no, wrong use or unreadable, nothing there yet, another run at work.
_STATUSES = {1: 422, 2: 422, 3: 409, 5: 409}
_BUSY = 5
_AGAIN = {"retry-after": "5"}
_LATER = {"retry-after": "30"}


def report(state: State) -> dict[str, Any]:
    """Return how a task stands: with its progress once rows are done, and with what went wrong if it failed."""
    body = {
        "task_id": state.task.id,
        "status": str(state.status),
        "created_at": state.task.created_at,
        "executed_at": state.started_at,
        "ended_at": state.end and state.end.ended_at,
        "model": state.task.model,
        "policy": state.task.policy,
        "order": state.task.order.to_json(),
        "progress": _progress(state),
    }
    return {**body, "detail": _failure(state)[1]} if state.status is Status.FAILED else body


def expect_completed(state: State) -> None:
    """Raise a `ProblemError` that says why there is no result: it is not done yet, or it went wrong."""
    status, detail = 409, f"the task is {state.status}; ask for its status"
    if state.alive:
        raise ProblemError(status, detail, headers=_AGAIN)
    if state.status is Status.CANCELED:
        detail = f"the task was canceled; {_GOES_ON}"
    if state.status is Status.FAILED:
        status, detail = _failure(state)
    if state.status is not Status.COMPLETED:
        busy = state.end is not None and state.end.exit_code == _BUSY
        raise ProblemError(status, detail, headers=_LATER if busy else None)


def is_fault(state: State) -> bool:
    """Return whether a task's process ended as none should, whatever it was given."""
    ended = state.end is not None and state.status is Status.FAILED
    return ended and _failure(state)[0] == HTTPStatus.INTERNAL_SERVER_ERROR


def _failure(state: State) -> tuple[int, str]:
    if state.end is None:
        return HTTPStatus.CONFLICT, f"the task was interrupted, because the service stopped; {_GOES_ON}"
    code = state.end.exit_code
    said = [line for line in state.said.splitlines() if line.startswith(_ERROR)]
    if code in _STATUSES and said:
        return _STATUSES[code], said[-1].removeprefix(_ERROR)
    how = "could not be started" if code is None else f"ended with {code}"
    return HTTPStatus.INTERNAL_SERVER_ERROR, f"the task's process {how}, which it should not; {_GOES_ON}"


def _progress(state: State) -> dict[str, Any] | None:
    for line in reversed(state.said.splitlines()):
        # The first line of what is read may be a part of one.
        if line.startswith('{"progress"') and line.endswith("}"):
            found: dict[str, Any] = json.loads(line)["progress"]
            return found
    return None
