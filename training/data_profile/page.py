"""The profile as one page of HTML that stands alone: no scripts, no addresses, readable in grey and on paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training.data_profile.association import strongest
from training.data_profile.bins import number_text
from training.data_profile.drawings import bad_rate_plot, distribution_plot, over_time_plot

# Of PSI, a rule of thumb: below the first stable, from the second on another population.
LITTLE, MUCH = 0.1, 0.25
# Beyond so many columns figures no longer fit into the cells.
MOST_WITH_FIGURES = 15
DASH = "\N{EN DASH}"


def profile_page(statistics: Mapping[str, Any], progress: Callable[[str], None] = lambda _: None) -> str:
    """Return the page of what `data_profile` found; the same statistics give the same bytes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("training.data_profile", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(share=share, count=count, figure=figure, number=number_text)
    overall = statistics["bad"]["bad_rate"]
    columns: list[dict[str, Any]] = []
    for column in statistics["columns"]:
        columns.append({**_with_plots(column, overall), "anchor": f"column-{len(columns) + 1}"})
        progress(f"drew {len(columns)} of {len(statistics['columns'])} columns")
    return environment.get_template("profile.html.j2").render(
        profile=statistics,
        columns=columns,
        ranked=sorted(columns, key=lambda item: -item["information"]["value"]),
        time=_time(statistics["time"], overall),
        grids=[
            _grid("Spearman's rank correlation of numbers", statistics["correlations"]),
            _grid("Cramér's V of levels", statistics["associations"]),
        ],
        styles=environment.loader.get_source(environment, "profile.css")[0] if environment.loader else "",
    )


def share(value: float | None) -> str:
    """Return a share in per cent to three digits: 21.8 %."""
    return DASH if value is None else f"{100 * value:#.3g}".rstrip(".") + "\N{NO-BREAK SPACE}%"


def count(value: int | str | None) -> str:
    """Return a count: 26,059; one that is held back as it is."""
    return f"{value:,}" if isinstance(value, int) else str(value or 0)


def figure(value: float | None, digits: int = 3) -> str:
    """Return a figure with its sign: +0.125."""
    return DASH if value is None else f"{value:+.{digits}f}"


def _with_plots(column: Mapping[str, Any], overall: float) -> dict[str, Any]:
    name = column["name"]
    drawn = any(item["bad_rate"] is not None for item in column["bins"])
    return {
        **column,
        "distribution": distribution_plot(column) if drawn else "",
        "bad_rates": bad_rate_plot(column["bins"], overall, f"{name}: bad rate by bin") if drawn else "",
    }


def _time(found: Mapping[str, Any] | None, overall: float) -> dict[str, Any] | None:
    if found is None:
        return None
    stability = [
        {**item, "says": _says(item["psi"], item["chance"])}
        for item in sorted(found["stability"], key=lambda item: -item["psi"])
    ]
    drawn = any(item["bad_rate"] is not None for item in found["periods"])
    plot = over_time_plot(found["periods"], overall, f"bad rate by {found['period']}") if drawn else ""
    return {**found, "stability": stability, "plot": plot}


def _says(psi: float, chance: float) -> str:
    if psi >= MUCH:
        return "another population"
    if psi >= LITTLE:
        return "has moved"
    return "stable" if psi <= chance else "stable, with a shift beyond chance"


def _grid(title: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a heat map: per cell its text, its share of black, and whether its text must be white."""
    names: Sequence[str] = found["columns"]
    figures = len(names) <= MOST_WITH_FIGURES
    rows = [
        {"name": name, "cells": [_cell(value, figures=figures) for value in row]}
        for name, row in zip(names, found["matrix"], strict=True)
    ]
    return {"title": title, "names": names, "rows": rows, "figures": figures, "strongest": strongest(found)}


def _cell(value: float | None, *, figures: bool) -> dict[str, Any]:
    size = abs(value or 0.0)
    # Adding 0 makes a 0 of -0.0.
    text = DASH if value is None else f"{round(value, 2) + 0.0:.2f}"
    sign = "" if size < 0.1 else "+" if (value or 0.0) > 0 else "\N{MINUS SIGN}"
    # Up to three quarters black: the text on it stays readable.
    lightness = round(100 - 75 * size)
    return {"text": text if figures else sign, "title": text, "lightness": lightness, "white": lightness < 55}
