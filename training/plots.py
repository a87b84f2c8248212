"""Plots as SVG text that stands alone in a page: readable in grey, the same bytes for the same figures."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from html import escape
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray

# Okabe and Ito's colours, from dark to light in grey too.
GOOD, BAD, OTHER, FAINT = "#0072B2", "#D55E00", "#333333", "#BBBBBB"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "aval",
    # Text stays text: it can be read aloud and searched, and the page's own fonts draw it.
    "svg.fonttype": "none",
    # A level may be named `$5`, which is no formula.
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
}
ROOT_STYLE = "stroke-linejoin: round; font-family: 'DejaVu Sans', Verdana, Arial, sans-serif"
# In order of importance: a tick is drawn where it is clear of those before it.
SHARES: tuple[float, ...] = (
    0.01,
    0.1,
    0.5,
    0.001,
    0.9,
    0.99,
    0.0001,
    0.999,
    0.03,
    0.3,
    0.003,
    0.7,
    0.0003,
    0.97,
)
SHARES += (0.02, 0.05, 0.2, 0.002, 0.005, 0.0002, 0.0005, 0.00003, 0.00001, 0.8, 0.95, 0.98, 0.4, 0.6)
SHARES += (0.15, 0.25, 0.35)
LEAST_SHARE = 1e-6
LONGEST_NAME = 30


def svg(draw: Callable[[Any], None], width: float = 4.6, height: float = 3.2, label: str = "") -> str:
    """Return what `draw(axes)` draws as an <svg> element of `width` by `height` inches.

    `label` says in words what is to be seen, for those who cannot see it.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot())
        page = io.StringIO()
        figure.savefig(page, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = page.getvalue()
    return _fit_for_a_page(text[text.index("<svg") :].strip(), label)


def log_odds(shares: FloatArray | Sequence[float]) -> FloatArray:
    """Return log-odds of shares, those within a millionth of 0 or 1 moved there: an axis on which none crowd."""
    p = np.clip(np.asarray(shares, dtype=np.float64), LEAST_SHARE, 1 - LEAST_SHARE)
    return np.log(p / (1 - p))


def share_axis(axis: Any, low: float, high: float, *, spread: bool) -> None:
    """Let an axis (of matplotlib) show shares from `low` to `high` in per cent.

    `spread` says that what is drawn are the `log_odds` of the shares.
    """
    limits = log_odds([low, high]) if spread else np.array([low, high])
    # Where all shares are one, an axis around it.
    margin = max(0.03 * (limits[1] - limits[0]), 0.5 if spread else 0.005)
    bounds = float(limits[0] - margin), float(limits[1] + margin)
    axis.set_view_interval(*bounds, ignore=True)
    if spread:
        ticks = _clear_ticks(*bounds)
        axis.set_ticks(log_odds(ticks), [percent(tick) for tick in ticks])
    else:
        axis.set_major_formatter(lambda value, _: percent(round(value, 10)))


def percent(share: float) -> str:
    """Return a share as a short text for a tick: 12.5 %."""
    return f"{100 * share:.6g}\N{NO-BREAK SPACE}%"


def legend_below(axes: Any, columns: int = 2) -> None:
    """Put the legend under the plot, where it can cover nothing."""
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def share_scale(axes: Any, label: str, low: float, high: float, *, spread: bool) -> None:
    """Let the x axis of a plot show probabilities; `spread` as for `share_axis`."""
    share_axis(axes.xaxis, low, high, spread=spread)
    axes.set_xlabel(f"{label}, log-odds scale" if spread else label)


def short_name(name: str) -> str:
    """Return a name that fits beside a plot: the middle of a long one is left out, for ends tell names apart."""
    if len(name) <= LONGEST_NAME:
        return name
    half = LONGEST_NAME // 2
    return f"{name[: half - 1]}…{name[-half:]}"


def _clear_ticks(low: float, high: float) -> list[float]:
    chosen: list[float] = []
    for share in SHARES:
        place = float(log_odds([share])[0])
        near = [abs(place - float(log_odds([other])[0])) for other in chosen]
        if low <= place <= high and all(distance > 0.16 * (high - low) for distance in near):
            chosen.append(share)
    return sorted(chosen)


def _fit_for_a_page(text: str, label: str) -> str:
    """Rename ids, which a page has only once, drop those that nothing refers to, and say style and label once."""
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    own = f"plot-{sha256(text.encode()).hexdigest()[:10]}-"
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(|href=")#', rf"\g<1>#{own}", text)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # Its one rule would hold for the whole page.
    text = re.sub(r'<style type="text/css">.*?</style>', "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]+(; )?", "", text)
    named = f'role="img" aria-label="{escape(label)}" ' if label else ""
    return text.replace("<svg ", f'<svg {named}style="{ROOT_STYLE}" ', 1)
