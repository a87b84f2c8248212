"""A run told: as a table on the terminal, as Markdown for a pull request, as JSON and as a page."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.load.page import page
from tests.load.run import HEADS, Run


def conclude(run: Run, folder: str | None, summary: str | None) -> int:
    """Print what came of a run, write its reports where they are asked for, and return its exit code."""
    sys.stdout.write(table(run) + "\n")
    if folder:
        into = Path(folder)
        into.mkdir(parents=True, exist_ok=True)
        (into / "report.html").write_text(page(run))
        (into / "summary.md").write_text(markdown(run))
        (into / "result.json").write_text(json.dumps(result(run), indent=1) + "\n")
    if summary:
        with Path(summary).open("a") as file:
            file.write(markdown(run))
    return run.exit_code


def table(run: Run) -> str:
    """Return the run as a table for the terminal, with what was missed."""
    cells = [HEADS, *(row.cells for row in run.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(_padded(cell, widths)) for cell in cells]
    missed = [f"  missed: {verdict}" for verdict in run.missed]
    return "\n".join(
        ["", *lines, "", _told(run), run.late, run.said, *missed, *(f"  {told}" for told in run.wrong)]
    )


def markdown(run: Run) -> str:
    """Return the run as Markdown."""
    lines = [f"### Load: {run.said}", "", *(f"- {verdict}" for verdict in run.missed)]
    lines += [*(f"- `{told.replace('`', '')}`" for told in run.wrong), ""]
    lines += [f"| {' | '.join(cells)} |" for cells in (HEADS, ("---",) * len(HEADS))]
    lines += [f"| {' | '.join(row.cells)} |" for row in run.rows]
    return "\n".join([*lines, "", f"{_told(run)}; {run.late}.", ""])


def result(run: Run) -> dict[str, Any]:
    """Return the run for programs; an infinite latency is null."""
    kinds: Counter[str] = Counter()
    for group in run.samples.groups.values():
        kinds.update({str(kind): count for kind, count in group.kinds.items()})
    return {
        "host": run.host,
        "stage": run.stage.name,
        "gaps": run.gaps,
        "said": run.said,
        "exit_code": run.exit_code,
        "late": run.late,
        "wrong": run.wrong,
        "kinds": dict(kinds),
        "rows": [_finite(asdict(row)) for row in run.rows],
        "verdicts": [_finite(asdict(verdict)) for verdict in run.verdicts],
    }


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return the cells, names to the left and numbers to the right."""
    return [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def _told(run: Run) -> str:
    shapes = ", ".join(f"{shape.name} {shape.seconds:g} s" for shape in run.shapes)
    return f"{run.host}, stage {run.stage.name}, {run.gaps} gaps: {shapes}; latencies from the moment due"


def _finite(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in told.items()
    }
