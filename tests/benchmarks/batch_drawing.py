"""The batch benchmark's report as a picture: rates and memory by the size of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHOWN = {
    "aval": ("this", "#0b5cad", "o"),
    "aval_logged": ("this, decisions logged", "#0b5cad", "s"),
    "pandas": ("pandas loop", "#8a5a00", "o"),
    "pandas_one": ("pandas loop, one model", "#c98a1b", "o"),
    "joblib": ("pandas loop, joblib", "#8a5a00", "s"),
    "mlflow": ("MLflow pyfunc", "#6b3fa0", "o"),
    "copy": ("pyarrow, no scoring", "#777777", "o"),
}
OUTLINE = {".parquet": "-", ".csv": ":"}


def draw(report: dict[str, Any], file: Path) -> None:
    """Write the picture of a report of `batch.py --json`, in the format that the file's name says."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _lines(left, report["rows"], "per_second")
    _lines(right, report["rows"], "peak_mb")
    left.set(title="Rows per second, from start to end", yscale="log")
    right.set(title="Most memory of all processes, MB", ylim=(0, None))
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(file)


def _lines(axes: Axes, rows: list[dict[str, Any]], value: str) -> None:
    for name, (label, colour, marker) in SHOWN.items():
        for ending, line in OUTLINE.items():
            chosen = [row for row in rows if (row["name"], row["ending"]) == (name, ending)]
            if chosen:
                axes.plot(
                    [row["rows"] for row in chosen],
                    [row[value] for row in chosen],
                    label=f"{label}, {ending[1:]}",
                    color=colour,
                    linestyle=line,
                    marker=marker,
                    markersize=4,
                )
    axes.set(xscale="log", xlabel="rows of the file")
    axes.grid(visible=True, linewidth=0.3)
