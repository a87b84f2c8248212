"""The file door at the command line: score. It is asked what `python -m service.batch` is asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, replace
from typing import Any, get_type_hints

import typer

from service.batch.asked import Asked, Told
from service.settings import Settings
from training.use_cases import name_of


def score(**given: Any) -> None:
    """Score records with the champion; refused rows are quarantined, and every row is accounted for.

    Exit code 1: more rows were refused than --max-quarantine allows. 3: no input is there yet.
    """
    from service.batch.command import run
    from training.cli.batch_screen import RichScreen

    asked = Asked(**{**given, "where": tuple(given["where"] or ())})
    asked = replace(asked, use_case=name_of(asked.use_case))
    if code := run(asked, Settings.from_environment(), RichScreen()):
        raise typer.Exit(code)


def _ask(command: Callable[..., None]) -> None:
    """Give a command one parameter for each field of `Asked`: typer reads them off its signature."""
    kinds = get_type_hints(Asked)
    parameters = [_parameter(item, kinds[item.name]) for item in fields(Asked)]
    command.__annotations__ = {item.name: item.annotation for item in parameters}
    vars(command)["__signature__"] = inspect.Signature(parameters)


def _parameter(item: Field[Any], kind: Any) -> inspect.Parameter:
    told: Told = item.metadata["told"]
    default = ... if item.default is MISSING else item.default
    shown: dict[str, Any] = {"help": told.help, "metavar": told.metavar or None, "show_default": False}
    if kind == tuple[str, ...]:
        kind, default = list[str] | None, None
    declared = typer.Option(default, told.flag, **shown) if told.flag else typer.Argument(default, **shown)
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=declared, annotation=kind)


_ask(score)
