"""What is asked: single, bulk, explain and outcomes, with cases as they come and decisions as they were answered."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tests.load.samples import Kind

PATHS = PREDICT, BULK, EXPLAIN, OUTCOMES = "/predict", "/predict_bulk", "/explain", "/outcomes"
IN_BULK = 20
TOLD_AT_ONCE = 5
MOST_UNTOLD = 5_000
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Case:
    """A record as the service takes it, and what really happened, None where that is not known."""

    record: Mapping[str, Any]
    outcome: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is to be sent; `case` is the one it asks for alone."""

    path: str
    body: bytes
    case: Case | None = None


def read_cases(file: Path) -> list[Case]:
    """Read a file of JSON lines: each `{"record": {...}, "outcome": ...}`, the outcome only where it is known."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [Case(line["record"], line.get("outcome")) for line in lines]


def write_cases(cases: Sequence[Case], file: Path) -> Path:
    """Write such a file, and return it."""
    lines = [json.dumps({"record": case.record, "outcome": case.outcome}) + "\n" for case in cases]
    file.write_text("".join(lines))
    return file


class Mix:
    """The calls of a run, in an order that is the same every time; outcomes are of decisions answered before."""

    def __init__(self, cases: Sequence[Case], weights: Mapping[str, int]) -> None:
        self._cases: Iterator[Case] = cycle(cases)
        self._chance = random.Random(0)  # noqa: S311 - the same order every time
        self._paths, self._weights = list(weights), list(weights.values())
        self._untold: deque[tuple[str, Any]] = deque(maxlen=MOST_UNTOLD)

    def next(self) -> Call:
        """Return the next call; before there is a decision to tell the outcome of, another decision is asked for."""
        (path,) = self._chance.choices(self._paths, self._weights)
        if path == BULK:
            records = [case.record for case in islice(self._cases, IN_BULK)]
            return Call(BULK, _body({"records": records}))
        if path == OUTCOMES and self._untold:
            return Call(OUTCOMES, self._outcomes())
        case = next(self._cases)
        return Call(EXPLAIN if path == EXPLAIN else PREDICT, _body(case.record), case)

    def judge(self, call: Call, status: int, content: bytes) -> tuple[Kind, str]:
        """Return how a call ended and what went wrong, and remember the decision of an answer."""
        if status != 200:
            return _kind_of(status), f"{status}: {_told(content)}"
        answer = _read(content)
        if not _is_whole(call.path, answer):
            return Kind.WRONG, f"200, but: {_told(content)}"
        if call.path == PREDICT and call.case and call.case.outcome is not None:
            self._untold.append((answer["decision_id"], call.case.outcome))
        return Kind.ANSWERED, ""

    def _outcomes(self) -> bytes:
        told = [self._untold.popleft() for _ in range(min(TOLD_AT_ONCE, len(self._untold)))]
        now = datetime.now(UTC).isoformat()
        named = [{"decision_id": name, "outcome": outcome, "observed_at": now} for name, outcome in told]
        return _body({"outcomes": named})


_KINDS: Mapping[int, Kind] = {4: Kind.REFUSED, 5: Kind.FAILED}
_EXPECTED: Mapping[str, tuple[str, str]] = {
    PREDICT: ("decision_id", ""),
    EXPLAIN: ("contributions", ""),
    BULK: ("results", "decision"),
    OUTCOMES: ("results", "correction"),
}


def _kind_of(status: int) -> Kind:
    return Kind.LIMITED if status == 429 else _KINDS.get(status // 100, Kind.WRONG)


def _is_whole(path: str, answer: Any) -> bool:
    """Return whether an answer has what it must, in each of its results too: a bulk answer is 200 for bad records."""
    name, inner = _EXPECTED[path]
    if not isinstance(answer, dict) or name not in answer:
        return False
    return not inner or all(inner in result for result in answer[name])


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _told(content: bytes) -> str:
    """Return what a problem says, without its request id: the same problem is told in the same words."""
    problem = _read(content)
    if isinstance(problem, dict) and "results" in problem:
        problem = next((result for result in problem["results"] if "detail" in result), problem)
    told = problem.get("detail") if isinstance(problem, dict) else None
    return str(told or content.decode(errors="replace"))[:SHOWN]


def _body(content: Any) -> bytes:
    return json.dumps(content).encode()
