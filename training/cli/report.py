"""Commands that write reports: card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName, Version
from training.console import say, say_json
from training.use_cases import name_of

KINDS = (".html", ".md")


def card(
    use_case: UseCaseName,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="FILE.html or FILE.md; default: USE_CASE-VERSION-card.html here"),
    ] = None,
    version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Write the model card of a version: one page, every number read from the hashed evidence."""
    from training.model_card import render_card
    from training.registry import Registry

    if output is not None and output.suffix not in KINDS:
        raise WrongUse(f"{output} is not one of the kinds of card: its name must end in {' or '.join(KINDS)}")
    found = Registry(Settings.from_environment()).find(name_of(use_case), version)
    rendered = render_card(
        found.files,
        use_case=found.use_case,
        version=found.scorer.version,
        promotion=_promotion(found.tag),
    )
    target = output or Path(f"{found.use_case}-{found.number}-card.html")
    target.write_text(rendered.markdown if target.suffix == ".md" else rendered.html, "utf-8")
    if as_json:
        say_json({"model": found.tag, "version": found.number, "file": str(target)})
    else:
        say(f"model card of {found.tag}, version {found.number}: {target}")


def _promotion(tag: str) -> dict[str, Any] | None:
    """Return the promotion record beside the stored bundle, None where it was never promoted here."""
    from service.model_store import read_beside
    from service.scoring.bundle import PROMOTION

    try:
        record = json.loads(read_beside(tag).get(PROMOTION, b"{}"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
