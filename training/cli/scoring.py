"""The file door at the command line: score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.console import progress, say, say_json
from training.use_cases import name_of


def score(
    use_case: UseCaseName,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="CSV, CSV.gz or Parquet file of records")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="CSV or Parquet file to write")],
    reasons: Annotated[bool, typer.Option("--reasons", help="add reason codes to refused cases")] = False,
    as_json: AsJson = False,
) -> None:
    """Score a file of records with the champion; refused rows are quarantined, and every row is accounted for."""
    from service.batch import score_file
    from service.model_store import load_scorer

    scorer = load_scorer(name_of(use_case), Settings.from_environment().bentoml_home)
    with progress(f"scoring {source.name}") as step:
        manifest = score_file(
            scorer, source, target, reasons=reasons, progress=lambda rows: step(f"{rows:,} rows")
        )
    if as_json:
        say_json(manifest.as_json())
    else:
        say(manifest.summary())
