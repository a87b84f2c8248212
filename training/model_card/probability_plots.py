"""Whether probabilities can be taken at their word, and what they cost: reliability and cost against cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Policy
from training.model_card.numerals import money
from training.model_card.ranking_plots import cut_off_lines
from training.plots import BAD, FAINT, GOOD, OTHER, legend_below, log_odds, share_axis, share_scale, svg

# Below it most probabilities crowd in a corner of a linear axis.
RARE = 0.05


def reliability_plot(bins: Sequence[Mapping[str, Any]], bad_rate: float, label: str) -> str:
    """Plot the bad rate of each bin, with its interval, against the mean P(bad); log-odds scales where bad is rare."""
    spread = bad_rate < RARE
    mean, rate, low, high = (
        np.array([item[name] for item in bins]) for name in ("mean_probability", "bad_rate", "low", "high")
    )
    x_bounds, y_bounds = _bounds(mean, mean, spread), _bounds(rate, np.append(high, mean), spread)
    x = _placed(mean, x_bounds, spread)
    y, y_low, y_high = (_placed(values, y_bounds, spread) for values in (rate, low, high))

    def draw(axes: Any) -> None:
        line = np.array([max(x_bounds[0], y_bounds[0]), min(x_bounds[1], y_bounds[1])])
        ends = log_odds(line) if spread else line
        axes.plot(ends, ends, color=FAINT, linestyle=":", linewidth=2, label="as predicted")
        interval = np.abs([y - y_low, y_high - y])
        axes.errorbar(
            x, y, interval, fmt="none", ecolor=OTHER, elinewidth=1, capsize=3, label="95 % interval"
        )
        some = rate > 0
        axes.plot(x[some], y[some], color=BAD, marker="o", linestyle="none", label=_sizes(bins))
        if not some.all():
            look = {"marker": "v", "markerfacecolor": "white", "linestyle": "none", "clip_on": False}
            axes.plot(x[~some], y[~some], color=BAD, label="no bad case at all", **look)
        axes.set_ylabel("bad rate, log-odds scale" if spread else "bad rate")
        share_axis(axes.yaxis, *y_bounds, spread=spread)
        share_scale(axes, "mean P(bad)", *x_bounds, spread=spread)
        legend_below(axes)

    return svg(draw, height=3.7, label=label)


def cost_plot(
    points: Sequence[Sequence[float]], policy: Policy, of_policy: float | None, bad_rate: float, label: str
) -> str:
    """Plot the cost per case of declining from a cut-off on, with no review, the policy's own cost and cut-offs.

    Costs far above those of approving everybody are cut off: they would flatten all that matters.
    """
    spread = bad_rate < RARE
    cut_offs, costs = (np.array(values) for values in zip(*points, strict=True))
    best = int(np.argmin(costs))
    x = log_odds(cut_offs) if spread else cut_offs
    least_shown = min(policy.refer_from / 10, float(cut_offs.max()) / 2) if spread else 0.0

    def draw(axes: Any) -> None:
        axes.plot(x, costs, color=GOOD, label="declining from the cut-off on")
        axes.plot(x[best], costs[best], "o", color=GOOD, label=f"least: {money(costs[best])}")
        if of_policy is not None:
            axes.axhline(of_policy, color=BAD, linestyle="--", label=f"the policy: {money(of_policy)}")
        cut_off_lines(axes, policy, spread=spread)
        axes.set_ylabel("cost per case")
        axes.set_ylim(0, top_of(costs, of_policy or 0.0))
        share_scale(axes, "cut-off on P(bad)", least_shown, 0.9 if spread else 1.0, spread=spread)
        legend_below(axes)

    return svg(draw, height=3.7, label=label)


def top_of(costs: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]], of_policy: float) -> float:
    """Return where a plot of these costs, in order of the cut-off, ends: the last is that of approving everybody."""
    wanted = 1.5 * max(float(costs[-1]), of_policy, 2 * float(min(costs)))
    return 1.05 * min(float(max(costs)), wanted)


def _bounds(from_: FloatArray, to: FloatArray, spread: bool) -> tuple[float, float]:
    """Return where an axis begins and ends; on a linear one both begin at 0 and show what there is."""
    if not spread:
        return 0.0, float(to.max())
    seen = from_[from_ > 0]
    return max(float(seen.min()) / 2 if len(seen) else 1e-5, 1e-5), min(float(to.max()) * 1.3, 0.999)


def _placed(values: FloatArray, bounds: tuple[float, float], spread: bool) -> FloatArray:
    clipped = np.clip(values, *bounds)
    return log_odds(clipped) if spread else clipped


def _sizes(bins: Sequence[Mapping[str, Any]]) -> str:
    rows = [int(item["rows"]) for item in bins]
    few, many = f"{min(rows):,}", f"{max(rows):,}"
    each = few if few == many else f"{few} to {many}"
    return f"{len(rows)} bins of {each} cases"
