"""Commands that train and compare: train, leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName, Version
from training.console import progress, say, say_candidates, say_json, say_training
from training.use_cases import find_use_case, name_of

GENERATED_ROWS = 20_000


def train(
    use_case: UseCaseName,
    data: Annotated[Path | None, typer.Option(help="CSV, CSV.gz or Parquet file of past cases")] = None,
    rows: Annotated[int, typer.Option(min=100, help="how many to generate without --data")] = GENERATED_ROWS,
    seed: Annotated[int, typer.Option(min=0, max=2**31)] = 0,
    as_json: AsJson = False,
) -> None:
    """Train, calibrate and judge the candidates, and register the chosen one as challenger."""
    from training.data import generate_cases, keep_snapshot, read_cases
    from training.lineage import lineage
    from training.registry import Registry
    from training.train import train as train_cases

    case, settings = find_use_case(use_case), Settings.from_environment()
    with progress(f"training {use_case}") as step:
        cases = read_cases(case, data) if data else generate_cases(case, rows, seed)
        keep_snapshot(cases, settings.home / "data")
        trained = train_cases(cases, seed, progress=step)
        step("recording in MLflow")
        version = Registry(settings).record(trained, lineage())
    if as_json:
        say_json({"model": version.tag, "version": version.number, **version.evidence})
        return
    say_training(version.evidence)
    say(f"registered {version.tag} as version {version.number}, alias challenger")
    say(f"next: aval promote {use_case}")


def leaderboard(use_case: UseCaseName, version: Version = None, as_json: AsJson = False) -> None:
    """The candidates of a training side by side, with intervals."""
    from training.registry import Registry

    found = Registry(Settings.from_environment()).find(name_of(use_case), version)
    if as_json:
        say_json(found.evidence["candidates"])
        return
    say(f"{found.tag}, version {found.number}")
    say_candidates(found.evidence["candidates"])
