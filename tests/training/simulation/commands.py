"""`aval simulate`, run in this process as `aval` runs it, and what it leaves behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from service.decision_log import Kind
from service.decision_log.reading import Logged, Selection, entries, reading
from service.errors import AvalError
from training.cli.simulate import simulate

CASE = "credit_risk"


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed; `said` is what it complained of."""

    code: int
    out: str
    said: str

    @property
    def body(self) -> Any:
        return json.loads(self.out)


def aval_simulate(*arguments: str | Path) -> Done:
    app = typer.Typer()
    app.command()(simulate)
    done = CliRunner().invoke(app, [str(item) for item in arguments])
    if isinstance(done.exception, AvalError):
        return Done(done.exception.exit_code, done.stdout, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def use_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """Let the commands have a home of their own; the model store stays the tests' own."""
    monkeypatch.setenv("AVAL_HOME", str(home))
    for name in ("AVAL_DECISION_LOG", "AVAL_SEGMENTS", "AVAL_SPOOL", "AVAL_TIME_ZONE"):
        monkeypatch.delenv(name, raising=False)
    return home


def address(home: Path) -> str:
    return f"sqlite:///{home / 'decisions.db'}"


def logged(home: Path, *kinds: Kind) -> list[Logged]:
    """Entries of a home's log, in the order of time."""
    with reading(address(home)) as connection:
        return list(entries(connection, Selection(kinds)))


def probabilities(home: Path) -> np.ndarray[Any, Any]:
    """Probabilities of all decisions, in the order of time."""
    return np.array([item.row.probability for item in logged(home, Kind.DECISION)])
