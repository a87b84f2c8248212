"""Plots as SVG text that stands alone in a page: readable in grey, the same bytes for the same figures."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

# Okabe and Ito's colours, from dark to light in grey too.
GOOD, BAD, OTHER, FAINT = "#0072B2", "#D55E00", "#333333", "#BBBBBB"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "aval",
    # Text stays text: it can be read aloud and searched, and the page's own fonts draw it.
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
}


def svg(draw: Callable[[Any], None], width: float = 4.6, height: float = 3.2) -> str:
    """Return what `draw(axes)` draws as an <svg> element of `width` by `height` inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot())
        page = io.StringIO()
        figure.savefig(page, format="svg", metadata={"Date": None})
    text = page.getvalue()
    return text[text.index("<svg") :]
