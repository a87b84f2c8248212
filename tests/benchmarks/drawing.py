"""The benchmark's report as a picture: rates of the closed loop, and p99 of the open loop by rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

CONNECTIONS = 16


def draw(report: dict[str, Any], file: Path) -> None:
    """Write the picture of a report of `online.py --json`, in the format that the file's name says."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _closed(left, report["closed"])
    _open(right, report["open"])
    figure.savefig(file)


def _closed(axes: Axes, rows: list[dict[str, Any]]) -> None:
    counts = sorted({row["connections"] for row in rows})
    count = CONNECTIONS if CONNECTIONS in counts else counts[0]
    chosen = [row for row in rows if row["connections"] == count][::-1]
    bars = axes.barh([row["name"] for row in chosen], [row["per_second"] for row in chosen], color="#0b5cad")
    labels = [f"{row['per_second']:,.0f}/s, p99 {row['p99']:,.0f} ms" for row in chosen]
    axes.bar_label(bars, labels, padding=3, fontsize=8)
    axes.set_xlim(0, 1.45 * max(row["per_second"] for row in chosen))
    axes.set_title(f"Closed loop, {count} connections, one worker each", fontsize=10)
    axes.set_xlabel("requests per second")


def _open(axes: Axes, steps: list[dict[str, Any]]) -> None:
    axes.plot([step["rate"] for step in steps], [step["p99"] for step in steps], marker="o", color="#0b5cad")
    axes.axhline(20, linestyle=":", color="#8a5a00")
    axes.set_ylim(bottom=0)
    axes.set_title("Open loop, two workers: p99", fontsize=10)
    axes.set_xlabel("requests per second")
    axes.set_ylabel("ms from the moment intended")
