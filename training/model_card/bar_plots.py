"""Named figures side by side: the inputs that matter most, and how groups are treated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.plots import BAD, FAINT, GOOD, OTHER, legend_below, share_scale, short_name, svg

MOST_INPUTS = 12


@dataclass(frozen=True)
class GroupRate:
    """The approval rate of a protected group, with its 95 % interval."""

    attribute: str
    group: str
    rows: int
    rate: float
    low: float
    high: float


def strongest(importance: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the inputs that move the log-odds most, the strongest first; at most twelve."""
    return sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:MOST_INPUTS]


def importance_plot(importance: Mapping[str, float], label: str) -> str:
    """Plot the mean absolute contribution of the strongest inputs."""
    shown = strongest(importance)[::-1]

    def draw(axes: Any) -> None:
        axes.barh([short_name(name) for name, _ in shown], [value for _, value in shown], color=GOOD)
        axes.set_xlabel("mean absolute contribution (log-odds)")
        axes.grid(visible=False, axis="y")

    return svg(draw, height=1.0 + 0.24 * len(shown), label=label)


def groups_plot(rates: Sequence[GroupRate], overall: float | None, label: str) -> str:
    """Plot the approval rate of every group with its interval, attribute by attribute."""
    names = [f"{short_name(rate.group)} ({rate.rows:,})" for rate in rates]
    places = _places(rates)
    low = max(min(rate.low for rate in rates) - 0.05, 0.0)
    high = min(max(rate.high for rate in rates) + 0.05, 1.0)

    def draw(axes: Any) -> None:
        for rate, place in zip(rates, places, strict=True):
            axes.plot([rate.low, rate.high], [place, place], color=OTHER, linewidth=1.2, marker="|")
        label = {"label": "approval rate, 95 % interval"}
        axes.plot([rate.rate for rate in rates], places, "o", color=BAD, linestyle="none", **label)
        if overall is not None:
            axes.axvline(overall, color=GOOD, linestyle="--", label="everybody")
        headings = {place + 1: rate.attribute for rate, place in _firsts(rates, places)}
        axes.set_yticks([*places, *headings], [*names, *headings.values()])
        for tick in axes.get_yticklabels()[len(places) :]:
            tick.set_fontweight("bold")
        axes.grid(visible=False, axis="y")
        axes.hlines([place + 0.5 for place in headings], low, high, color=FAINT, linewidth=0.5)
        axes.set_ylim(places[-1] - 0.7, places[0] + 1.5)
        share_scale(axes, "approval rate", low, high, spread=False)
        legend_below(axes)

    return svg(draw, height=1.2 + 0.22 * (places[0] - places[-1] + 2), label=label)


def _places(rates: Sequence[GroupRate]) -> list[int]:
    """Return a line per group from the top down to 0, one left free before each attribute for its name."""
    lines, line = [], 0
    for i, rate in enumerate(rates):
        line += 2 if i and rate.attribute != rates[i - 1].attribute else 1
        lines.append(line)
    return [line - number for number in lines]


def _firsts(rates: Sequence[GroupRate], places: Sequence[int]) -> list[tuple[GroupRate, int]]:
    return [
        (rate, place)
        for i, (rate, place) in enumerate(zip(rates, places, strict=True))
        if not i or rate.attribute != rates[i - 1].attribute
    ]
