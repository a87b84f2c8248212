"""The `aval` command."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from service.errors import AvalError, WrongUse
from service.settings import Settings
from training.console import complain, progress, say, say_candidates, say_json, say_rows, say_training
from training.use_case import UseCase
from training.use_cases import use_cases

GENERATED_ROWS = 20_000

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a table of past cases to calibrated decisions in production.",
)
UseCaseName = Annotated[str, typer.Argument(metavar="USE_CASE", help="see: aval use-cases")]
Version = Annotated[str | None, typer.Option(help="registry version; default: the challenger")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]


def main() -> None:
    """Run the command; a user's error becomes one line and an exit code."""
    for noisy in ("alembic", "bentoml"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A polite request to end removes what was begun, as any error does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except AvalError as error:
        complain(f"aval: error: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        complain(f"aval: error: {error}")
        sys.exit(WrongUse.exit_code)


@app.command("use-cases")
def list_use_cases(as_json: AsJson = False) -> None:
    """What there is, with data source and champion."""
    from service.model_store import champions

    served = champions(Settings.from_environment().bentoml_home)
    rows = [
        {
            "use_case": case.name,
            "title": case.contract.title,
            "data": case.source,
            "champion": served[case.name].model if case.name in served else None,
        }
        for case in use_cases().values()
    ]
    if as_json:
        say_json(rows)
    else:
        say_rows(rows, ("use_case", "title", "data", "champion"))


@app.command()
def sample(
    use_case: UseCaseName,
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write: .csv, .csv.gz or .parquet")],
    rows: Annotated[int, typer.Option(min=1, max=100_000_000)] = 1_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Generated records of the right shape, with outcomes, so that everything works offline."""
    frame = _find(use_case).sample(rows, seed)
    writers: dict[str, Callable[[], Any]] = {
        ".csv": lambda: frame.to_csv(output, index=False),
        ".csv.gz": lambda: frame.to_csv(output, index=False),
        ".parquet": lambda: frame.to_parquet(output, index=False),
    }
    suffix = next((end for end in writers if output.name.endswith(end)), None)
    if suffix is None:
        raise WrongUse(f"{output} ends in none of: {', '.join(writers)}")
    try:
        writers[suffix]()
    except OSError as error:
        raise WrongUse(f"{output} cannot be written: {error.strerror or error}") from None
    say(f"wrote {rows} generated records of {use_case} to {output}")


@app.command()
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

    case, settings = _find(use_case), Settings.from_environment()
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


@app.command()
def leaderboard(use_case: UseCaseName, version: Version = None, as_json: AsJson = False) -> None:
    """The candidates of a training side by side, with intervals."""
    from training.registry import Registry

    _find(use_case)
    found = Registry(Settings.from_environment()).find(use_case, version)
    if as_json:
        say_json(found.evidence["candidates"])
        return
    say(f"{found.tag}, version {found.number}")
    say_candidates(found.evidence["candidates"])


@app.command()
def promote(use_case: UseCaseName, version: Version = None, as_json: AsJson = False) -> None:
    """Make a trained model the champion: verify it, import it into the BentoML store, switch over."""
    from training.registry import Registry

    _find(use_case)
    promoted, changed = Registry(Settings.from_environment()).promote(use_case, version)
    if as_json:
        say_json({"model": promoted.tag, "version": promoted.number, "changed": changed})
        return
    done = "is now the champion of" if changed else "already is the champion of"
    say(f"{promoted.tag} (version {promoted.number}) {done} {use_case}")
    say(f"next: AVAL_MODEL={use_case} bentoml serve")


@app.command()
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

    scorer = load_scorer(use_case, Settings.from_environment().bentoml_home)
    with progress(f"scoring {source.name}") as step:
        manifest = score_file(
            scorer, source, target, reasons=reasons, progress=lambda rows: step(f"{rows:,} rows")
        )
    if as_json:
        say_json(manifest.as_json())
    else:
        say(manifest.summary())


def _find(name: str) -> UseCase:
    known = use_cases()
    if name not in known:
        raise WrongUse(f"{name!r} is not one of: {', '.join(known)}")
    return known[name]
