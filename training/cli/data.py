"""Commands about use cases and their data: use-cases, sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.console import say, say_json, say_rows
from training.use_cases import find_use_case, use_cases


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


def sample(
    use_case: UseCaseName,
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write: .csv, .csv.gz or .parquet")],
    rows: Annotated[int, typer.Option(min=1, max=100_000_000)] = 1_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Generated records of the right shape, with outcomes, so that everything works offline."""
    frame = find_use_case(use_case).sample(rows, seed)
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
