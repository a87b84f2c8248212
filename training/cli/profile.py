"""The look before the fit: profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.errors import WrongUse
from training.cli.arguments import AsJson, UseCaseName
from training.console import complain, progress, say, say_json
from training.use_cases import find_use_case

GENERATED_ROWS = 20_000


def profile(
    use_case: UseCaseName,
    data: Annotated[Path | None, typer.Option(help="CSV, CSV.gz or Parquet file of past cases")] = None,
    rows: Annotated[int, typer.Option(min=100, help="how many to generate without --data")] = GENERATED_ROWS,
    seed: Annotated[int, typer.Option(min=0, max=2**31)] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="HTML file to write; default: USE_CASE-profile.html, none with --json"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the past cases look like by outcome, before anything is fitted: one page of HTML."""
    from training.data import generate_cases, read_cases
    from training.data_profile import data_profile, profile_page

    case = find_use_case(use_case)
    target = output if output or as_json else Path(f"{case.name}-profile.html")
    with progress(f"looking at {case.name}") as step:
        cases = read_cases(case, data) if data else generate_cases(case, rows, seed)
        step("counting")
        statistics = data_profile(cases)
        if target:
            _write(target, profile_page(statistics, step))
    if as_json:
        say_json(statistics)
        return
    if cases.generated:
        complain("these cases were generated: --data FILE looks at real ones")
    kind = "generated cases" if cases.generated else "cases"
    say(f"{cases.rows} {kind}, {statistics['bad']['bad_rate']:.2%} bad: wrote {target}")


def _write(target: Path, page: str) -> None:
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{target} cannot be written: {error.strerror or error}") from None
