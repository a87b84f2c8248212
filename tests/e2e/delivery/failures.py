"""A replica killed, and another replaced, while callers ask at a steady rate: what it cost, and whether it may.

    python -m tests.e2e.delivery.failures FOLDER

FOLDER holds the compose.yaml of a project that is up. Exit code 1 and a sentence for each promise that was not kept.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.delivery.stack import Stack
from tests.e2e.delivery.steady import Asked, Steady
from tests.service.records import records

RATE = 50.0
WARM_SECONDS = 4.0
# The engine tells late that a process is gone; it was so within this time.
DYING_SECONDS = 1.0
KILLED, REPLACED = "online-1", "online-2"


@dataclass(frozen=True)
class Failures:
    """What was done, and when, in seconds since 1970; `back` and `replaced` are seconds until ready again.

    gone_at: when all that the killed replica ran had ended, so that its connections were closed.
    """

    killed_at: float
    gone_at: float
    back: float
    replaced_at: float
    replaced: float


def main() -> None:
    stack = Stack(Path(sys.argv[1]))
    settings = stack.settings
    use_case, port = settings["AVAL_USE_CASE"], int(settings["AVAL_PORT"])
    steady = Steady("127.0.0.1", port, stack.key, records(use_case), RATE)
    with steady.calling():
        happened = fail_and_recover(stack)
    broken = [*judge_callers(steady.asked, happened, stack), *judge_log(steady.asked, stack)]
    sys.stdout.write("\n".join(figures(steady.asked, happened)) + "\n")
    if broken:
        sys.exit("\n".join(f"NOT KEPT: {sentence}" for sentence in broken))
    sys.stdout.write("every decision that was received is in the PostgreSQL log exactly once\n")


def fail_and_recover(stack: Stack) -> Failures:
    """Kill one replica, wait until it is back, then replace the other one."""
    time.sleep(WARM_SECONDS)
    started = stack.inspect(KILLED)["State"]["StartedAt"]
    killed_at = stack.kill(KILLED)
    back = stack.await_back(KILLED, started)
    gone_at = gone(killed_at, stack.finished_at(KILLED))
    time.sleep(WARM_SECONDS)
    started = stack.inspect(REPLACED)["State"]["StartedAt"]
    replaced_at = time.time()
    stack.replace(REPLACED)
    replaced = time.time() - replaced_at + stack.await_back(REPLACED, started)
    time.sleep(WARM_SECONDS)
    return Failures(killed_at, gone_at, back, replaced_at, replaced)


def judge_callers(asked: Sequence[Asked], happened: Failures, stack: Stack) -> list[str]:
    """Return what went wrong that no caller should have noticed."""
    log, address = stack.access_log(), stack.address(KILLED)
    found = [f"a request got no answer: {item.answer}" for item in failed(asked) if item.status == 0]
    for item in failed(asked):
        line = log.get(item.request_id, {})
        if item.keyed:
            found.append(f"a request with an Idempotency-Key failed: {item.status} {item.answer}")
        elif not in_flight(item, happened):
            when = item.sent - happened.killed_at
            found.append(f"a request sent {when:.3f} s after the kill failed: {item.status} {line}")
        elif item.status and line.get("replica") != address:
            found.append(f"a request failed that was not at {address}: {line}")
    return found


def judge_log(asked: Sequence[Asked], stack: Stack) -> list[str]:
    """Return what the decision log does not hold exactly once, as it was answered."""
    logged = stack.decisions()
    once = Counter(logged)
    decided = Counter(request_id for _, request_id, _ in logged)
    found = []
    for item in asked:
        if item.status == 200:
            entry = (item.answer["decision_id"], item.request_id, item.answer["probability"])
            if once[entry] != 1:
                found.append(f"the log holds {entry} {once[entry]} times")
        if item.keyed and decided[item.request_id] != 1:
            found.append(f"a request with a key was decided {decided[item.request_id]} times")
        elif decided[item.request_id] > 1:
            found.append(f"a request was decided {decided[item.request_id]} times")
    return found


def figures(asked: Sequence[Asked], happened: Failures) -> list[str]:
    """Return what was measured, in sentences."""
    answered = sorted(item.latency * 1e3 for item in asked if item.status == 200)
    around = sum(in_flight(item, happened) for item in asked)
    lost = failed(asked)
    return [
        f"{len(asked):,} requests at {RATE:g} a second, {len(answered):,} answered, {len(lost)} failed",
        f"{KILLED} killed: {around} requests were in flight on both in the "
        f"{(happened.gone_at - happened.killed_at) * 1e3:.0f} ms until it was gone, {len(lost)} failed (none with an "
        f"Idempotency-Key, of which {sum(item.keyed for item in asked):,}); ready again after {happened.back:.1f} s",
        f"{REPLACED} replaced: ready again after {happened.replaced:.1f} s",
        f"latency p50 {_quantile(answered, 0.5):.1f} ms, p99 {_quantile(answered, 0.99):.1f} ms, "
        f"most {answered[-1]:.0f} ms",
    ]


def failed(asked: Sequence[Asked]) -> list[Asked]:
    """Return the requests that were not answered with a decision."""
    return [item for item in asked if item.status != 200]


def gone(killed_at: float, seen_at: float) -> float:
    """Return by when nothing of a killed replica ran any more; seen_at: when the engine saw that."""
    latest = killed_at + DYING_SECONDS
    return seen_at if killed_at < seen_at < latest else latest


def in_flight(item: Asked, happened: Failures) -> bool:
    """Return whether a request was under way when a replica was killed, or sent to it while it died."""
    return item.sent < happened.gone_at and item.ended >= happened.killed_at


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


if __name__ == "__main__":
    main()
