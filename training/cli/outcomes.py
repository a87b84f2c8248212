"""What became of decisions, from files: outcomes, reviews."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import WrongUse
from training.cli.arguments import AsJson, UseCaseName
from training.cli.log_place import NOTHING_TO_DO, log_address, segment_store
from training.console import progress, say, say_json
from training.use_cases import find_use_case

if TYPE_CHECKING:
    from training.statements import Counts, Telling

Source = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="CSV, CSV.gz, JSON Lines or Parquet file, one statement per row"),
]
Quarantine = Annotated[
    Path | None, typer.Option(help="CSV file for refused rows; default: FILE.quarantine.csv")
]


def outcomes(
    use_case: UseCaseName,
    file: Source,
    observed_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="for rows without observed_at, such as 2026-11-30T00:00:00Z"),
    ] = None,
    quarantine: Quarantine = None,
    as_json: AsJson = False,
) -> None:
    """Attach what really happened to decisions: by decision_id, or by the ids that their records had."""
    from training.statements import tell_outcomes

    with progress(f"telling {file.name}") as step:
        telling = _telling(use_case, file, quarantine, lambda rows: step(f"{rows:,} rows"))
        _expect_moment(observed_at, telling.teller.at)
        counts = tell_outcomes(telling, observed_at)
    _say_counts(counts, telling, as_json)


def reviews(
    use_case: UseCaseName, file: Source, quarantine: Quarantine = None, as_json: AsJson = False
) -> None:
    """Attach what people decided on referred cases: decision_id, decision, reviewer, why, reviewed_at, override."""
    from training.statements import tell_reviews

    with progress(f"telling {file.name}") as step:
        telling = _telling(use_case, file, quarantine, lambda rows: step(f"{rows:,} rows"))
        counts = tell_reviews(telling)
    _say_counts(counts, telling, as_json)


def _telling(use_case: str, file: Path, quarantine: Path | None, step: Callable[[int], None]) -> Telling:
    from service.decision_log.statements import Teller
    from training.statements import Telling

    target = quarantine or file.with_name(f"{file.name}.quarantine.csv")
    teller = Teller(time.time_ns() // 1000)
    contract = find_use_case(use_case).contract
    return Telling(log_address(), contract, file, target, teller, step, segment_store())


def _expect_moment(observed_at: str | None, now: int) -> None:
    """Raise `WrongUse` for a time that every row would be refused for."""
    from service.decision_log.statements import Fields

    if observed_at is None:
        return
    fields = Fields({"observed_at": observed_at}, ("observed_at",))
    fields.moment("observed_at", now)
    for found in fields.findings:
        raise WrongUse(f"--observed-at {found.value} is not {found.allowed}")


def _say_counts(counts: Counts, telling: Telling, as_json: bool) -> None:
    refused = str(telling.quarantine) if counts.quarantined else None
    if as_json:
        say_json({**asdict(counts), "quarantine": refused})
    else:
        told = f"{counts.recorded:,} recorded, {counts.corrected:,} corrected, {counts.unchanged:,} unchanged"
        text = f"{counts.rows_in:,} rows: {told}"
        say(f"{text}, {counts.quarantined:,} quarantined in {refused}" if refused else text)
    if not counts.rows_in:
        raise typer.Exit(NOTHING_TO_DO)
