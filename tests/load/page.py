"""A run as a page: one file that asks nobody for anything, with its latencies second by second."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from tests.load.run import HEADS, Run
from tests.load.samples import quantile

TEMPLATE = Path(__file__).with_name("page.html")
WIDTH, HEIGHT = 1000, 260
LINES = {"most": 1.0, "p99": 0.99, "p50": 0.5}
# A soak has hours of seconds, and the picture a thousand points.
MOST_STEPS = 500


@dataclass(frozen=True)
class Picture:
    """What the page draws: lines as SVG's points, marks of the time axis and of the logarithmic one of latency."""

    lines: dict[str, str]
    shapes: list[tuple[float, str]]
    marks: list[tuple[float, str]]


def page(run: Run) -> str:
    """Return the page."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(run=run, heads=HEADS, picture=picture(run), width=WIDTH, height=HEIGHT)


def picture(run: Run) -> Picture:
    """Return the picture of all latencies; one without a good answer is drawn as the longest."""
    groups = list(run.samples.groups.values())
    due = [moment for group in groups for moment in group.due]
    took = [seconds for group in groups for seconds in group.took]
    end = max((span[1] for span in run.samples.spans.values()), default=1.0)
    finite = [1e3 * seconds for seconds in took if math.isfinite(seconds)] or [1.0]
    low, high = math.floor(math.log10(max(min(finite), 1e-2))), math.ceil(math.log10(max(finite) + 1e-9))
    scale = _Scale(end, low, max(high, low + 1))
    steps = _steps(due, took, end)
    return Picture(
        {
            name: " ".join(scale.point(moment, 1e3 * quantile(found, share)) for moment, found in steps)
            for name, share in LINES.items()
        },
        [(scale.x(begin), label) for label, (begin, _) in run.samples.spans.items()],
        [(scale.y(10.0**power), f"{10.0**power:g} ms") for power in range(scale.low, scale.high + 1)],
    )


@dataclass(frozen=True)
class _Scale:
    end: float
    low: int
    high: int

    def x(self, moment: float) -> float:
        return round(WIDTH * moment / self.end, 1)

    def y(self, milliseconds: float) -> float:
        height = (math.log10(max(milliseconds, 10.0**self.low)) - self.low) / (self.high - self.low)
        return round(HEIGHT * (1 - min(height, 1.0)), 1)

    def point(self, moment: float, milliseconds: float) -> str:
        return f"{self.x(moment)},{self.y(milliseconds)}"


def _steps(due: Sequence[float], took: Sequence[float], end: float) -> list[tuple[float, array[float]]]:
    """Return the latencies of each step of time, a second or longer, with the middle of the step."""
    step = max(1.0, end / MOST_STEPS)
    found: dict[int, array[float]] = {}
    for moment, seconds in zip(due, took, strict=True):
        found.setdefault(int(moment / step), array("d")).append(seconds)
    return [((number + 0.5) * step, found[number]) for number in sorted(found)]
