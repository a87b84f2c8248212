"""Commands that write reports: card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from service.errors import ModelRefused, WrongUse
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

    if output is not None and output.suffix not in KINDS:
        raise WrongUse(f"{output} is not one of the kinds of card: its name must end in {' or '.join(KINDS)}")
    files, tag, number = _bundle(name_of(use_case), version)
    name, _, bundle = tag.partition(":")
    rendered = render_card(files, use_case=name, version=bundle, promotion=_promotion(tag))
    target = output or Path(f"{name}-{number}-card.html")
    target.write_text(rendered.markdown if target.suffix == ".md" else rendered.html, "utf-8")
    if as_json:
        say_json({"model": tag, "version": number, "file": str(target)})
    else:
        say(f"model card of {tag}, version {number}: {target}")


def _bundle(use_case: str, number: str | None) -> tuple[dict[str, bytes], str, str]:
    """Return a version's verified files, its tag and its number."""
    from training.registry import Registry
    from training.registry.client import open_client
    from training.registry.version import by_number, fetch

    settings = Settings.from_environment()
    found = Registry(settings).find(use_case, number)
    registered = by_number(open_client(settings.tracking_uri), found.use_case, found.number)
    if registered is None:
        raise ModelRefused(
            f"{found.tag} was removed from the registry just now; see: aval leaderboard {use_case}"
        )
    files, _ = fetch(registered, settings.tracking_uri)
    return files, found.tag, found.number


def _promotion(tag: str) -> dict[str, Any] | None:
    """Return the promotion record beside the stored bundle, None where it was never promoted here."""
    from service.model_store import read_beside
    from service.scoring.bundle import PROMOTION

    try:
        record = json.loads(read_beside(tag).get(PROMOTION, b"{}"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
