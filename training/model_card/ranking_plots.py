"""How scores part the bad from the good: ROC, precision and recall, cumulative shares and counts by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.scoring.policy import Policy
from training.model_card.numerals import figure, share
from training.plots import BAD, FAINT, GOOD, OTHER, legend_below, log_odds, share_axis, share_scale, svg

Curves = Mapping[str, Any]
Points = Sequence[Sequence[float]]
# Line and colour of each judgement, told apart without the colour too.
JUDGEMENTS: dict[str, dict[str, Any]] = {
    "procedure": {"label": "procedure, untouched rows", "color": BAD, "linestyle": "-"},
    "shipped": {"label": "shipped, out of fold", "color": GOOD, "linestyle": "--"},
}
MARKS = {"decline": ("declined", "s"), "refer": ("declined or referred", "^")}


def roc_plot(curves: Mapping[str, Curves], label: str) -> str:
    """Plot ROC curves by judgement, with what the policy declines and refers marked on the first of them."""

    def draw(axes: Any) -> None:
        _lines(axes, {name: part.get("roc") for name, part in curves.items()})
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":", label="chance")
        for point in _operating_points(next(iter(curves.values()))):
            axes.plot(point.good, point.bad, **point.style)
        axes.set_ylabel("share of the bad that is found")
        share_axis(axes.yaxis, 0, 1, spread=False)
        share_scale(axes, "share of the good that is stopped", 0, 1, spread=False)
        legend_below(axes)

    return svg(draw, height=3.7, label=label)


def precision_recall_plot(curves: Mapping[str, Curves], bad_rate: float | None, label: str) -> str:
    """Plot precision against recall by judgement; precision by chance is the bad rate."""

    def draw(axes: Any) -> None:
        _lines(axes, {name: part.get("pr") for name, part in curves.items()})
        if bad_rate is not None:
            axes.axhline(bad_rate, color=FAINT, linestyle=":", label=f"chance: {share(bad_rate)}")
        for point in _operating_points(next(iter(curves.values()))):
            axes.plot(point.bad, point.precision, **point.style)
        axes.set_ylabel("bad among the stopped (precision)")
        share_axis(axes.yaxis, 0, 1, spread=False)
        share_scale(axes, "share of the bad that is found (recall)", 0, 1, spread=False)
        legend_below(axes)

    return svg(draw, height=3.7, label=label)


def cumulative_plot(ks: Mapping[str, Any], label: str) -> str:
    """Plot the shares of bad and good up to each probability, and the largest distance between them."""
    x = log_odds(ks["probability"])

    def draw(axes: Any) -> None:
        axes.plot(x, ks["good"], color=GOOD, linestyle="--", label="good")
        axes.plot(x, ks["bad"], color=BAD, label="bad")
        at = float(log_odds([ks["at"]])[0])
        ends = [float(np.interp(at, x, ks[kind])) for kind in ("bad", "good")]
        distance = f"KS {figure(ks['distance'])} at {share(ks['at'])}"
        axes.plot([at, at], ends, color=OTHER, marker="_", linewidth=1.2, label=distance)
        axes.set_ylabel("share of the class up to P(bad)")
        share_axis(axes.yaxis, 0, 1, spread=False)
        share_scale(axes, "P(bad)", min(ks["probability"]), max(ks["probability"]), spread=True)
        legend_below(axes, columns=3)

    return svg(draw, height=3.5, label=label)


def score_plot(counts: Mapping[str, Any], policy: Policy, label: str) -> str:
    """Plot the share of each class per bin of P(bad); `borders` are the bins' inner ones."""
    # Scores that are all equal have equal borders, and a bin must have a width.
    inner = log_odds(counts["borders"]) + 1e-3 * np.arange(len(counts["borders"]))
    step = float(inner[1] - inner[0]) if len(inner) > 1 else 1.0
    edges = np.concatenate([[inner[0] - step], inner, [inner[-1] + step]])

    def draw(axes: Any) -> None:
        looks = {
            "good": {"color": GOOD, "alpha": 0.45, "fill": True},
            "bad": {"edgecolor": BAD, "hatch": "////", "linewidth": 1.2, "fill": False},
        }
        for kind, look in looks.items():
            total = sum(counts[kind])
            shares = np.asarray(counts[kind]) / max(total, 1)
            axes.stairs(shares, edges, label=f"{kind} ({total:,})", **look)
        cut_off_lines(axes, policy, spread=True)
        axes.set_ylabel("share of the class per bin")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}\N{NO-BREAK SPACE}%")
        limits = 1 / (1 + np.exp(-edges[[0, -1]]))
        share_scale(axes, "P(bad)", float(limits[0]), float(limits[1]), spread=True)
        legend_below(axes)

    return svg(draw, height=3.7, label=label)


def cut_off_lines(axes: Any, policy: Policy, *, spread: bool) -> None:
    """Draw the policy's cut-offs as upright lines; one line where they are equal."""
    cut_offs = {"decline from": (policy.decline_from, "-.")}
    if policy.refer_from < policy.decline_from:
        cut_offs = {"refer from": (policy.refer_from, ":"), **cut_offs}
    for name, (value, line) in cut_offs.items():
        place = float(log_odds([value])[0]) if spread else value
        axes.axvline(place, color=OTHER, linestyle=line, linewidth=1.2, label=f"{name} {share(value)}")


@dataclass(frozen=True, slots=True)
class _OperatingPoint:
    """What one cut-off stops: shares of the good and of the bad, and the bad among what it stops."""

    name: str
    marker: str
    good: float
    bad: float
    precision: float

    @property
    def style(self) -> dict[str, Any]:
        look = {"color": OTHER, "markersize": 6, "markerfacecolor": "white", "linestyle": "none", "zorder": 4}
        return {**look, "marker": self.marker, "label": self.name}


def _operating_points(curves: Curves) -> list[_OperatingPoint]:
    found: dict[str, Mapping[str, int]] = curves.get("decisions") or {}
    good, bad = (max(sum(part[kind] for part in found.values()), 1) for kind in ("good", "bad"))
    good_stopped = bad_stopped = 0
    points = []
    for decision, (name, marker) in MARKS.items():
        part = found.get(decision, {"good": 0, "bad": 0})
        good_stopped, bad_stopped = good_stopped + part["good"], bad_stopped + part["bad"]
        if any(part.values()):
            precision = bad_stopped / (good_stopped + bad_stopped)
            points.append(_OperatingPoint(name, marker, good_stopped / good, bad_stopped / bad, precision))
    return points


def _lines(axes: Any, points: Mapping[str, Points | None]) -> None:
    for name, line in points.items():
        if line:
            x, y = zip(*line, strict=True)
            axes.plot(x, y, **JUDGEMENTS[name])
