"""Shapes of load: how many requests are due when, fixed before the first is sent, whatever the answers do."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat

WARM_UP, BEFORE_IDLE = "warm-up", "burst-before-idle"
# Of these latencies are not judged; errors always are.
PRELUDES = (WARM_UP, BEFORE_IDLE)
IDLE = ""


@dataclass(frozen=True)
class Phase:
    """A rate (requests/s) that goes in a straight line from one value to another; `label` is what it counts for."""

    label: str
    seconds: float
    first: float
    last: float

    @property
    def requests(self) -> float:
        return self.seconds * (self.first + self.last) / 2

    def when(self, requests: float) -> float:
        """Return after how many seconds so many requests are due: where the rate's integral has that value."""
        slope = (self.last - self.first) / self.seconds
        if slope == 0:
            return requests / self.first
        return (math.sqrt(max(self.first**2 + 2 * slope * requests, 0.0)) - self.first) / slope


@dataclass(frozen=True)
class Shape:
    """Phases one after the other."""

    name: str
    phases: tuple[Phase, ...]

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that is due `at` seconds after its shape began."""

    at: float
    label: str


def arrivals(shape: Shape, gap: Callable[[], float]) -> Iterator[Arrival]:
    """Yield a shape's arrivals in order of time; `gap` gives the distances between them, of mean one."""
    began = counted = 0.0
    due = gap()
    for phase in shape.phases:
        while due < counted + phase.requests:
            yield Arrival(began + phase.when(due - counted), phase.label)
            due += gap()
        began, counted = began + phase.seconds, counted + phase.requests


def even() -> Callable[[], float]:
    """Return gaps that are all the same, the first a half: constant throughput, and none due at the very end."""
    gaps = chain([0.5], repeat(1.0))
    return lambda: next(gaps)


def poisson() -> Callable[[], float]:
    """Return gaps as between callers that know nothing of one another; the same in every run."""
    chance = random.Random(0)  # noqa: S311 - the same moments every time
    return lambda: chance.expovariate(1.0)


GAPS: Mapping[str, Callable[[], Callable[[], float]]] = {"even": even, "poisson": poisson}


def _warm_up(rate: float, seconds: float) -> tuple[Phase, ...]:
    return (Phase(WARM_UP, seconds, rate / 4, rate),)


def _steady(rate: float, seconds: float) -> tuple[Phase, ...]:
    return (Phase("steady", seconds, rate, rate),)


def _ramp(rate: float, seconds: float) -> tuple[Phase, ...]:
    return (Phase("ramp", seconds, 0.2 * rate, 1.5 * rate),)


def _burst(rate: float, seconds: float) -> tuple[Phase, ...]:
    calm = Phase("burst", 0.4 * seconds, rate / 2, rate / 2)
    return (calm, Phase("burst", 0.2 * seconds, 2 * rate, 2 * rate), calm)


def _idle_after_burst(rate: float, seconds: float) -> tuple[Phase, ...]:
    burst = Phase(BEFORE_IDLE, 0.2 * seconds, 2 * rate, 2 * rate)
    # Connections are closed, memory is given back, caches go cold: what is asked first has to wait for it.
    idle = Phase(IDLE, 0.5 * seconds, 0.0, 0.0)
    return (burst, idle, Phase("idle-after-burst", 0.3 * seconds, rate / 2, rate / 2))


def _soak(rate: float, seconds: float) -> tuple[Phase, ...]:
    return (Phase("soak", seconds, rate, rate),)


_PHASES: Mapping[str, Callable[[float, float], tuple[Phase, ...]]] = {
    WARM_UP: _warm_up,
    "steady": _steady,
    "ramp": _ramp,
    "burst": _burst,
    "idle-after-burst": _idle_after_burst,
    "soak": _soak,
}
NAMES = tuple(_PHASES)


def shape_of(name: str, rate: float, seconds: float) -> Shape:
    """Return a shape by its name: `rate` is its usual rate (requests/s), which bursts exceed."""
    return Shape(name, _PHASES[name](rate, seconds))
