"""The `aval` command."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from service.errors import AvalError, WrongUse
from service.settings import Settings
from training.use_case import UseCase
from training.use_cases import use_cases

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a table of past cases to calibrated decisions in production.",
)
# Piped output gets a width that the tables fit into.
out = Console(width=None if sys.stdout.isatty() else 120)
progress_out = Console(stderr=True)

UseCaseName = Annotated[str, typer.Argument(metavar="USE_CASE", help="see: aval use-cases")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]
GENERATED_ROWS = 20_000


def main() -> None:
    """Run the command; user errors become one line and an exit code."""
    for noisy in ("alembic", "bentoml"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        app()
    except AvalError as error:
        progress_out.print(f"aval: error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


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
    _show(rows, as_json, ("use_case", "title", "data", "champion"))


@app.command()
def sample(
    use_case: UseCaseName,
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write: .csv, .csv.gz or .parquet")],
    rows: Annotated[int, typer.Option(min=1, max=100_000_000)] = 1_000,
    seed: int = 0,
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
    _say(f"wrote {rows} generated records of {use_case} to {output}")


@app.command()
def train(
    use_case: UseCaseName,
    data: Annotated[Path | None, typer.Option(help="CSV, CSV.gz or Parquet file of past cases")] = None,
    rows: Annotated[int, typer.Option(min=100, help="how many to generate without --data")] = GENERATED_ROWS,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """Train, calibrate and judge the candidates, and register the chosen one as challenger."""
    from training.data import generate_cases, keep_snapshot, read_cases
    from training.lineage import lineage
    from training.registry import Registry
    from training.train import train as train_cases

    case, settings = _find(use_case), Settings.from_environment()
    with _progress(f"training {use_case}") as step:
        cases = read_cases(case, data) if data else generate_cases(case, rows, seed)
        keep_snapshot(cases, settings.home / "data")
        trained = train_cases(cases, seed, progress=step)
        step("recording in MLflow")
        version = Registry(settings).record(trained, lineage())
    if as_json:
        out.print_json(json.dumps({"model": version.tag, "version": version.number, **version.evidence}))
        return
    _describe_data(version.evidence)
    _describe_candidates(version.evidence)
    _describe_figures(version.evidence)
    _say(f"registered {version.tag} as version {version.number}, alias challenger")
    _say(f"next: aval promote {use_case}")


@app.command()
def leaderboard(
    use_case: UseCaseName,
    version: Annotated[str | None, typer.Option(help="registry version; default: the challenger")] = None,
    as_json: AsJson = False,
) -> None:
    """The candidates of a training side by side, with intervals."""
    from training.registry import Registry

    _find(use_case)
    found = Registry(Settings.from_environment()).find(use_case, version)
    if as_json:
        out.print_json(json.dumps(found.evidence["candidates"]))
        return
    _say(f"{found.tag}, version {found.number}")
    _describe_candidates(found.evidence)


@app.command()
def promote(
    use_case: UseCaseName,
    version: Annotated[str | None, typer.Option(help="registry version; default: the challenger")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a trained model the champion: verify it, import it into the BentoML store, switch over."""
    from training.registry import Registry

    _find(use_case)
    promoted, changed = Registry(Settings.from_environment()).promote(use_case, version)
    if as_json:
        out.print_json(json.dumps({"model": promoted.tag, "version": promoted.number, "changed": changed}))
        return
    done = "is now the champion of" if changed else "already is the champion of"
    _say(f"{promoted.tag} (version {promoted.number}) {done} {use_case}")
    _say(f"next: AVAL_MODEL={use_case} bentoml serve")


@app.command()
def score(
    use_case: UseCaseName,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="CSV, CSV.gz or Parquet file of records")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="CSV or Parquet file to write")],
    reasons: Annotated[bool, typer.Option("--reasons", help="add reason codes of refused cases")] = False,
    as_json: AsJson = False,
) -> None:
    """Score a file of records with the champion; refused rows are quarantined, and every row is accounted for."""
    from service.batch import score_file
    from service.model_store import load_scorer

    scorer = load_scorer(use_case, Settings.from_environment().bentoml_home)
    with _progress(f"scoring {source.name}") as step:
        manifest = score_file(
            scorer, source, target, reasons=reasons, progress=lambda rows: step(f"{rows:,} rows")
        )
    if as_json:
        out.print_json(json.dumps(manifest.as_json()))
        return
    _say(manifest.summary())


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _find(name: str) -> UseCase:
    known = use_cases()
    if name not in known:
        raise WrongUse(f"{name!r} is not one of: {', '.join(known)}")
    return known[name]


@contextmanager
def _progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show what is going on, on a terminal only."""
    if not progress_out.is_terminal:
        yield lambda _: None
        return
    with progress_out.status(title) as status:
        yield lambda step: status.update(f"{title}: {step}")


def _describe_data(evidence: dict[str, Any] | Any) -> None:
    data = evidence["data"]
    _say(
        f"{data['rows']} cases ({data['source']}), {data['bad_rate']:.2%} bad; {data['split']}",
    )
    for message, count in data["refused"].items():
        _say(f"left out {count}: {message}")
    for warning in evidence["warnings"]:
        _say(f"note: {warning}")


def _describe_candidates(evidence: Any) -> None:
    table = Table(
        "candidate", "class", "ROC AUC", "PR AUC", "Brier", "log loss", "worse by (95 %)", "", box=SIMPLE
    )
    for item in evidence["candidates"]:
        low, high = item["interval"]
        table.add_row(
            item["name"],
            item["serving_class"].replace("_", " "),
            *(f"{item[name]:.4f}" for name in ("roc_auc", "pr_auc", "brier", "log_loss")),
            f"{low:+.4f} to {high:+.4f}" if item["worse_by"] else "best",
            "chosen" if item["chosen"] else "significantly worse" if item["significantly_worse"] else "",
        )
    out.print(table)


def _describe_figures(evidence: Any) -> None:
    table = Table(
        "figures of", "rows", "ROC AUC", "PR AUC", "KS", "Brier", "ECE", "cost per case", box=SIMPLE
    )
    for part, label in (
        ("procedure", "the procedure, untouched rows"),
        ("shipped", "the bundle, out of fold"),
    ):
        figures = evidence[part]["metrics"]
        names = ("roc_auc", "pr_auc", "ks", "brier", "ece")
        table.add_row(
            label,
            f"{figures['rows']:.0f}",
            *(f"{figures[name]:.4f}" for name in names),
            f"{figures['cost_per_case']:.4g}",
        )
    out.print(table)


def _show(rows: list[dict[str, Any]], as_json: bool, columns: tuple[str, ...]) -> None:
    if as_json:
        out.print_json(json.dumps(rows))
        return
    table = Table(*columns, box=SIMPLE)
    for row in rows:
        table.add_row(*(str(row[name] or "-") for name in columns))
    out.print(table)
