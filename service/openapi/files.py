"""Files that are scored in the background: the paths of the task, and the bodies that go in and come out."""

from __future__ import annotations

from typing import Any

from service.online.paths import SCORE_FILE
from service.online.tasks.order import MOST_ROWS, THRESHOLD
from service.online.tasks.runner import MOST_AT_ONCE, MOST_WAITING
from service.online.tasks.task import Status
from service.openapi.operations import JSON, POSTED, Operation
from service.openapi.problems import REQUEST_ID
from service.openapi.schemas import Schema, reference
from service.roots import LONGEST

TASK_ID = "task_id"
FILES = "files"
GROUP = f"Files, scored in the background. {MOST_AT_ONCE} at a time, {MOST_WAITING} may wait."
EXAMPLE_TASK_ID = "6f0d8f8c2a720b6f4c1e3a577c589d43"
PARAMETER = {
    "name": TASK_ID,
    "in": "query",
    "required": True,
    "description": "The id that the task was answered with when it was submitted.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "example": EXAMPLE_TASK_ID,
}
_LIMITS = f"""\
Only inside the folders and `s3://` prefixes that the operator named in `AVAL_BATCH_ROOTS`; where there are none, 403.
{MOST_AT_ONCE} tasks run at a time, on this one machine, behind what is asked online; {MOST_WAITING} more may wait, and
then it is 429. The same order, while it waits or runs, is the same task. A task outlives its client and not its
service: what a stop interrupts has `failed`, and goes on where it was when the same is submitted again.

For every night's files, or for many, use `python -m service.batch` in the same image (or `aval score`): it fills in
dates, says by its exit code that nothing is there yet, and leaves this service alone."""
_ORDER: dict[str, Any] = {
    "input": "s3://bank/batch/incoming/2026-11-20/",
    "output": "s3://bank/batch/scored/2026-11-20/",
    "reasons": True,
    "max_quarantine": "1%",
}
_AT = "2026-11-20T08:30:00.000+00:00"


def _operation(step: str, method: str, summary: str, description: str, **more: Any) -> Operation:
    more.setdefault("parameters", (REQUEST_ID,) if "takes" in more else (REQUEST_ID, TASK_ID))
    gives = {JSON: more.pop("gives", reference("TaskStatus"))}
    path = f"{SCORE_FILE}/{step}" if step else SCORE_FILE
    name = f"score_file_{step}" if step else "score_file"
    return Operation(path, method, name, FILES, summary, description, "batch", gives, **more)


_ASKED = (401, 403, 404, 422, 429)
_CHANGED = tuple(sorted({*POSTED, 404}))

FILE_OPERATIONS = (
    _operation("submit", "post", "Have files scored", _LIMITS, problems=POSTED, takes="Order"),
    _operation("status", "get", "How far a task is", "", problems=_ASKED),
    _operation(
        "get",
        "get",
        "What a task came to",
        "The manifest of a task that is `completed`. 409 before that, and for one that was canceled or interrupted, "
        "found nothing to score yet, or found another run at work on its output; 422, with the reason, for one that "
        "could not score what it was given.",
        problems=tuple(sorted({*_ASKED, 409})),
        gives={"type": "object"},
    ),
    _operation("retry", "post", "Submit the same again", "As a new task.", problems=_CHANGED),
    _operation(
        "cancel",
        "put",
        "Stop a task",
        "What is done is kept, and goes on when the same is submitted again. One that has ended stays as it is.",
        problems=_CHANGED,
    ),
    _operation(
        "",
        "post",
        "Have files scored, and wait",
        "As `submit` and then `get`, for a few at a time: more are answered 429. Whoever goes away loses nothing, and "
        "submits the same to learn the task's id.",
        problems=tuple(sorted({*POSTED, 409})),
        takes="Order",
        gives={"type": "object"},
    ),
)


def file_examples() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an example of the body and one of the answer, each by the name of its schema."""
    progress = {"rows_in": 250_000, "rows_scored": 249_990, "rows_quarantined": 10, "share": 0.25}
    status = {
        "task_id": EXAMPLE_TASK_ID,
        "status": str(Status.IN_PROGRESS),
        "created_at": _AT,
        "executed_at": _AT,
        "ended_at": None,
        "model": "credit_risk:0123456789abcdef",
        "policy": "costs-01234567",
        "order": _ORDER,
        "progress": progress,
    }
    return {"Order": _ORDER}, {"TaskStatus": status}


def file_schemas() -> dict[str, Schema]:
    """Return the schemas of what goes in and comes out."""
    address = {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^(/|s3://)"}
    switch = {"type": "boolean", "default": False}
    order = {
        "input": {**address, "description": "a file, a folder, a glob or a prefix, inside the roots"},
        "output": {**address, "description": "a file, or a folder with a slash at its end, inside the roots"},
        "reasons": {**switch, "description": "whether what is not approved gets reason codes"},
        "keep_columns": {**switch, "description": "whether the input's columns are kept in the output"},
        "max_quarantine": {
            "type": ["string", "null"],
            "pattern": f"^({THRESHOLD})$",
            "description": "`1%` or `100`: with more rows refused, nothing is written and the task fails",
        },
        "limit": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MOST_ROWS,
            "description": "the first rows only",
        },
    }
    required = ["input", "output"]
    closed = {"type": "object", "properties": order, "required": required, "additionalProperties": False}
    return {"Order": closed, "TaskStatus": _status(), "TaskProgress": _progress()}


def _status() -> Schema:
    moment: Schema = {"type": ["string", "null"]}
    properties: dict[str, Schema] = {
        TASK_ID: {"type": "string"},
        "status": {"enum": [str(status) for status in Status]},
        "created_at": {"type": "string"},
        "executed_at": {**moment, "description": "when its turn came"},
        "ended_at": moment,
        "model": {
            "type": "string",
            "description": "that it is scored with: the one served when it was taken",
        },
        "policy": {"type": "string"},
        "order": {"type": "object", "description": "what was submitted"},
        "progress": {"anyOf": [reference("TaskProgress"), {"type": "null"}]},
    }
    detail = {"type": "string", "description": "what went wrong, where it `failed`"}
    return {"type": "object", "properties": {**properties, "detail": detail}, "required": list(properties)}


def _progress() -> Schema:
    rows: Schema = {"type": "integer", "minimum": 0}
    properties = {
        "rows_in": rows,
        "rows_scored": rows,
        "rows_quarantined": rows,
        "share": {"type": "number", "minimum": 0, "maximum": 1, "description": "of the whole work, about"},
        "rows_per_second": {"type": ["integer", "null"]},
        "seconds_left": {"type": ["integer", "null"]},
    }
    return {"type": "object", "properties": properties, "required": list(properties)[:4]}
