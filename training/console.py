"""What the `aval` command prints: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from training.progress import Progress, silent

# Piped output gets a width that the tables fit into.
OUT = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
ERRORS = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Print a line as it is."""
    OUT.print(line, markup=False, soft_wrap=True)


def complain(line: str) -> None:
    """Print a line for standard error."""
    ERRORS.print(line, markup=False, soft_wrap=True)


def say_json(body: Any) -> None:
    """Print JSON for programs."""
    sys.stdout.write(json.dumps(body, indent=1) + "\n")


def say_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print a table; a missing value is a dash."""
    table = Table(*columns, box=SIMPLE)
    for row in rows:
        table.add_row(*(str(row[name] or "-") for name in columns))
    OUT.print(table)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show what is going on while the block runs, on a terminal only; call what it yields with each step."""
    if not ERRORS.is_terminal:
        yield lambda _: None
        return
    with ERRORS.status(title) as status:
        yield lambda step: status.update(f"{title}: {step}")


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show how much of the block is done, on a terminal only; call what it yields with a step and the share done."""
    if not ERRORS.is_terminal:
        yield silent
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=ERRORS, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda message, share: bar.update(task, completed=share, description=f"{title}: {message}")


def say_training(evidence: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """Print what a training saw and found."""
    data = evidence["data"]
    kind = "generated cases" if data["generated"] else "cases"
    say(f"{data['rows']} {kind}, {data['bad_rate']:.2%} bad; {data['split']}")
    for message, count in data["refused"].items():
        say(f"left out {count}: {message}")
    for warning in evidence["warnings"]:
        say(f"note: {warning}")
    say_candidates(evidence["candidates"], evidence["objective"], measured["record_microseconds"])
    _say_figures(evidence)


def say_candidates(
    candidates: Sequence[Mapping[str, Any]], objective: str, microseconds: Mapping[str, float]
) -> None:
    """Print the candidates side by side, from best to worst by the objective; a dash where nothing was measured."""
    table = Table(
        *(
            "candidate",
            "class",
            "ROC AUC",
            "PR AUC",
            "Brier",
            "log loss",
            "cost",
            "worse by, 95 %",
            "µs",
            "kB",
            "",
        ),
        box=SIMPLE,
    )
    for column in table.columns:
        column.no_wrap = True
    for item in candidates:
        low, high = item["interval"]
        taken, size = microseconds.get(item["name"]), item["size"]
        table.add_row(
            item["name"],
            item["serving_class"].partition("_")[0],
            *(f"{item[name]:.4f}" for name in ("roc_auc", "pr_auc", "brier", "log_loss")),
            f"{item['cost_per_case']:.4g}",
            f"{low:+.3g} to {high:+.3g}" if item["worse_by"] else "best",
            f"{taken:.0f}" if taken else "-",
            f"{size / 1000:.0f}" if size else "-",
            _verdict(item),
        )
    OUT.print(table)
    say(
        f"compared by {objective.replace('_', ' ')} per case; of those not significantly worse than the best, "
        "the cheapest class to serve is chosen"
    )


def _verdict(item: Mapping[str, Any]) -> str:
    if item["chosen"]:
        return "chosen"
    if not item["servable"]:
        return "compared only"
    return "worse" if item["significantly_worse"] else "no worse"


def _say_figures(evidence: Mapping[str, Any]) -> None:
    table = Table(
        "figures of", "rows", "ROC AUC", "PR AUC", "KS", "Brier", "ECE", "cost per case", box=SIMPLE
    )
    for part, label in (
        ("procedure", "the procedure, untouched rows"),
        ("shipped", "the bundle, out of fold"),
    ):
        figures = evidence[part]["metrics"]
        shown = (f"{figures[name]:.4f}" for name in ("roc_auc", "pr_auc", "ks", "brier", "ece"))
        table.add_row(label, f"{figures['rows']:.0f}", *shown, f"{figures['cost_per_case']:.4g}")
    OUT.print(table)
