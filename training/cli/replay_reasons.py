"""Reasons of batch decisions that were made without them: replay --reasons."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.log_place import NOTHING_TO_DO, SAID_NO, segment_store
from training.console import complain, progress, say, say_json

if TYPE_CHECKING:
    from service.replay import Asked, Explained, ReasonsGiven

COLUMNS = ("decision_id", "model", "policy", "probability", "decision", "reasons")
_COUNTS = ("decisions", "given", "had", "approved", "erased", "different")


def write_reasons(asked: Asked, output: Path | None, *, as_json: bool) -> None:
    """Write the reasons of batch decisions that have none, to a file or to standard output, and say how many."""
    from service.replay import give_reasons, stored_scorers

    if as_json and output is None:
        raise WrongUse(
            "--json prints the counts alone: with --reasons, name a file for these with --output FILE"
        )
    load = stored_scorers(Settings.from_environment().bentoml_home)
    with _written(output) as each, progress("explaining") as step:
        done = give_reasons(
            segment_store(), asked, load, each=each, progress=lambda count: step(f"{count:,} decisions")
        )
    _say(done, output, as_json=as_json)


def _say(done: ReasonsGiven, output: Path | None, *, as_json: bool) -> None:
    counts = {name: getattr(done, name) for name in _COUNTS}
    # Beside the reasons themselves, the counts would be one more line of them.
    tell = complain if output is None else say
    if as_json:
        say_json({**counts, "unavailable": dict(done.unavailable)})
    else:
        for why, count in done.unavailable.items():
            tell(f"not explained, {count:,} decisions: {why}")
        tell(
            f"{done.decisions:,} batch decisions: {done.given:,} given reasons, {done.had:,} made with them, "
            f"{done.approved:,} approved, {done.erased:,} erased, {done.different:,} different now, "
            f"{done.unavailable.total():,} not available"
        )
    if not done.holds:
        raise typer.Exit(SAID_NO)
    if not done.decisions:
        raise typer.Exit(NOTHING_TO_DO)


@contextmanager
def _written(output: Path | None) -> Iterator[Callable[[Explained], None]]:
    """Yield what writes reasons: as CSV into a file of that ending, else as JSON Lines."""
    if output is None:
        yield lambda item: _write_line(sys.stdout, item)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        if output.suffix.lower() != ".csv":
            yield lambda item: _write_line(file, item)
            return
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        yield lambda item: _write_row(rows, item)


def _write_line(file: TextIO, item: Explained) -> None:
    file.write(json.dumps(asdict(item), ensure_ascii=False) + "\n")


def _write_row(rows: Any, item: Explained) -> None:
    codes = ";".join(reason.code for reason in item.reasons)
    rows.writerow((item.decision_id, item.model, item.policy, repr(item.probability), item.decision, codes))
