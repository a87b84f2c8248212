"""The commands about the decision log, run in this process as `aval` runs them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from service.errors import AvalError
from training.cli.log import log_app
from training.cli.outcomes import outcomes, reviews
from training.cli.replay import replay


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed; `said` is what it complained of."""

    code: int
    out: str
    said: str

    @property
    def body(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


def aval(*arguments: str | Path) -> Done:
    """Run a command."""
    app = typer.Typer()
    app.add_typer(log_app, name="log")
    for command in (outcomes, reviews, replay):
        app.command()(command)
    return run(app, *arguments)


def run(app: typer.Typer, *arguments: str | Path) -> Done:
    """Run a command of an application; an error of ours ends it as `aval` ends."""
    done = CliRunner().invoke(app, [str(item) for item in arguments])
    if isinstance(done.exception, AvalError):
        return Done(done.exception.exit_code, done.stdout, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def use_log(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """Point the commands at a log in a folder, with its segments beside it; returns its address."""
    url = f"sqlite:///{folder / 'log.db'}"
    monkeypatch.setenv("AVAL_DECISION_LOG", url)
    monkeypatch.setenv("AVAL_SEGMENTS", str(folder / "segments"))
    return url
