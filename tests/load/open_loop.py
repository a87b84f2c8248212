"""Sends each request at its moment, whatever became of those before, and counts its latency from that moment.

A closed loop, as usual users of Locust are, waits for each answer before it asks again: while a service stalls it
asks nothing, and what real callers would have suffered meanwhile is never counted (coordinated omission).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent  # type: ignore[import-untyped]
import psutil
from gevent.pool import Group  # type: ignore[import-untyped]

from tests.load.connections import Connections, TimedOut
from tests.load.mix import Call, Mix
from tests.load.samples import Kind, Samples
from tests.load.shapes import Arrival, Shape, arrivals

# Told of every request that ended: path, seconds, bytes, and what went wrong.
Listener = Callable[[str, float, int, str], None]


class OpenLoop:
    """One run: shapes one after the other, each once all answers of the one before are in.

    processor: the share of one processor that the generator itself needed; near 1 it is the bottleneck.
    taken: the share of this machine's processors that its host gave to others meanwhile; None where it does not say.
    """

    def __init__(self, connections: Connections, mix: Mix, listener: Listener) -> None:
        self.samples = Samples()
        self.processor = 0.0
        self.taken: float | None = None
        self._connections, self._mix, self._listener = connections, mix, listener
        self._began = time.perf_counter()

    def run(self, shapes: Sequence[Shape], gaps: Callable[[], Callable[[], float]]) -> None:
        """Run the shapes; returns when everything was answered or given up."""
        self._began, used, machine = time.perf_counter(), time.process_time(), psutil.cpu_times()
        for shape in shapes:
            self._run(shape, gaps())
        self.processor = (time.process_time() - used) / (time.perf_counter() - self._began)
        self.taken = taken(machine, psutil.cpu_times())

    def _run(self, shape: Shape, gap: Callable[[], float]) -> None:
        began, under_way = time.perf_counter(), Group()
        self._note_spans(shape, began)
        for arrival in arrivals(shape, gap):
            # Also where it is late: the others run only while this one sleeps.
            gevent.sleep(max(began + arrival.at - time.perf_counter(), 0))
            under_way.spawn(self._ask, arrival, began + arrival.at)
        gevent.sleep(max(began + shape.seconds - time.perf_counter(), 0))
        under_way.join()

    def _note_spans(self, shape: Shape, began: float) -> None:
        begin = began - self._began
        for phase in shape.phases:
            if phase.requests:
                self.samples.lasted(phase.label, begin, begin + phase.seconds)
            begin += phase.seconds

    def _ask(self, arrival: Arrival, due: float) -> None:
        # So far nothing depended on the service: whatever time has passed is the generator's fault.
        self.samples.began_late(arrival.label, time.perf_counter() - due)
        call = self._mix.next()
        kind, wrong, size = self._answer(call)
        took = time.perf_counter() - due
        self.samples.add(arrival.label, call.path, due - self._began, took, kind)
        self.samples.went_wrong(call.path, wrong)
        self._listener(call.path, took, size, wrong)

    def _answer(self, call: Call) -> tuple[Kind, str, int]:
        try:
            status, content = self._connections.post(call.path, call.body)
        except TimedOut as error:
            return Kind.TIMED_OUT, str(error), 0
        # Whatever it was: a request that ends in an unforeseen way must not be lost.
        except Exception as error:
            return Kind.BROKEN, f"no answer: {error!r}", 0
        return *self._mix.judge(call, status, content), len(content)


def taken(before: Any, after: Any) -> float | None:
    """Return the share of time that a host took away between two `psutil.cpu_times()`; None where it is not counted."""
    # A guest's time is part of its user's.
    names = [name for name in before._fields if not name.startswith("guest")]
    passed = {name: getattr(after, name) - getattr(before, name) for name in names}
    return float(passed["steal"] / max(sum(passed.values()), 1e-9)) if "steal" in passed else None
