"""The plots of a profile: distributions by outcome, and bad rates with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.data_profile.bins import number_text
from training.plots import BAD, FAINT, GOOD, OTHER, legend_below, short_name, svg

WIDTH = 4.4
ROW = 0.25
LEAST_ROWS = 4


def distribution_plot(column: Mapping[str, Any]) -> str:
    """Plot how good and bad cases are spread over a column: a histogram, or bars per level or value."""
    label = f"{column['name']}: distribution of good and of bad cases"
    if column["histogram"]:
        return _histogram(column["histogram"], column["unit"] or column["name"], label)
    return _bars([item for item in column["bins"] if item["bad_rate"] is not None], label)


def bad_rate_plot(bins: Sequence[Mapping[str, Any]], overall: float, label: str) -> str:
    """Plot the bad rate of each bin with its 95 % interval, beside that of all cases."""
    shown = [item for item in bins if item["bad_rate"] is not None]
    places = np.arange(len(shown))[::-1]
    rates, low, high = (np.array([item[key] for item in shown]) for key in ("bad_rate", "low", "high"))

    def draw(axes: Any) -> None:
        axes.axvline(overall, color=OTHER, linestyle="--", linewidth=1, label="all cases")
        axes.errorbar(
            rates,
            places,
            xerr=(np.maximum(rates - low, 0), np.maximum(high - rates, 0)),
            fmt="o",
            color=BAD,
            ecolor=OTHER,
            elinewidth=1,
            capsize=2.5,
            markersize=4.5,
            label="bad rate, 95 % interval",
        )
        _rows(axes, shown, places)
        _per_cent(axes.xaxis)
        axes.set_xlim(left=0)
        legend_below(axes)

    return svg(draw, WIDTH, _height(len(shown)), label)


def over_time_plot(periods: Sequence[Mapping[str, Any]], overall: float, label: str) -> str:
    """Plot the bad rate of each period with its 95 % interval."""
    shown = [item for item in periods if item["bad_rate"] is not None]
    places = np.arange(len(shown))
    rates, low, high = (np.array([item[key] for item in shown]) for key in ("bad_rate", "low", "high"))

    def draw(axes: Any) -> None:
        axes.axhline(overall, color=OTHER, linestyle="--", linewidth=1, label="all cases")
        axes.fill_between(places, low, high, color=FAINT, alpha=0.6, linewidth=0, label="95 % interval")
        axes.plot(places, rates, "o-", color=BAD, markersize=4, label="bad rate")
        step = -(-len(shown) // 12)
        axes.set_xticks(places[::step], [item["from"] for item in shown[::step]], rotation=45, ha="right")
        _per_cent(axes.yaxis)
        axes.set_ylim(bottom=0)
        legend_below(axes, 3)

    return svg(draw, 2 * WIDTH, 3.2, label)


def _histogram(shape: Mapping[str, Any], unit: str, label: str) -> str:
    borders = np.array(shape["borders"])
    scale = np.log10(borders) if shape["logarithmic"] else borders
    # A density, so that a bar that was joined from several is not taller for it; 1 is an even spread.
    even = np.diff(scale) / (scale[-1] - scale[0])
    good, bad = (np.array(shape[outcome]) / even for outcome in ("good", "bad"))

    def draw(axes: Any) -> None:
        axes.stairs(good, scale, fill=True, color=GOOD, alpha=0.35, label="good cases")
        axes.stairs(bad, scale, color=BAD, linewidth=1.8, label="bad cases")
        if shape["logarithmic"]:
            ticks = _magnitudes(borders)
            axes.set_xticks(np.log10(ticks), [number_text(tick) for tick in ticks])
        else:
            # Few enough for numbers of seven digits.
            axes.locator_params(axis="x", nbins=5)
            axes.xaxis.set_major_formatter(lambda value, _: number_text(round(value, 10)))
        axes.set_xlim(scale[0], scale[-1])
        axes.set_yticks([])
        axes.set_xlabel(unit + (", by magnitude" if shape["logarithmic"] else ""))
        axes.set_ylabel("share of the outcome's cases")
        legend_below(axes)

    return svg(draw, WIDTH, 3.1, label)


def _bars(shown: Sequence[Mapping[str, Any]], label: str) -> str:
    cases, rates = (
        np.array([item[key] for item in shown], dtype=np.float64) for key in ("cases", "bad_rate")
    )
    bad, good = cases * rates, cases * (1 - rates)
    places = np.arange(len(shown))[::-1]

    def draw(axes: Any) -> None:
        for shift, counts, style in (
            (0.2, good, {"color": GOOD, "alpha": 0.45, "label": "good cases"}),
            (-0.2, bad, {"color": "white", "edgecolor": BAD, "hatch": "////", "label": "bad cases"}),
        ):
            axes.barh(places + shift, counts / max(counts.sum(), 1e-9), height=0.36, **style)
        _rows(axes, shown, places)
        _per_cent(axes.xaxis)
        legend_below(axes)

    return svg(draw, WIDTH, _height(len(shown)), label)


def _rows(axes: Any, shown: Sequence[Mapping[str, Any]], places: np.ndarray) -> None:
    axes.set_yticks(places, [short_name(item["label"]) for item in shown])
    axes.set_ylim(-0.7, max(len(shown) - 0.3, 0.7))
    axes.grid(visible=False, axis="y")


def _per_cent(axis: Any) -> None:
    axis.set_major_formatter(lambda share, _: f"{100 * share:.3g}\N{NO-BREAK SPACE}%")


def _height(rows: int) -> float:
    return 1.0 + ROW * max(rows, LEAST_ROWS)


def _magnitudes(borders: np.ndarray) -> np.ndarray:
    powers = 10.0 ** np.arange(np.floor(np.log10(borders[0])), np.ceil(np.log10(borders[-1])) + 1)
    ticks = np.sort(np.concatenate([powers, 3 * powers]))
    within: np.ndarray = ticks[(ticks >= borders[0]) & (ticks <= borders[-1])]
    return within
