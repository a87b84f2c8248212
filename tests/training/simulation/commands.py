"""`aval simulate`, run in this process as `aval` runs it, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from service.decision_log import Kind
from service.decision_log.reading import Logged, Selection, entries, reading
from tests.training.log_commands import Done, run
from training.cli.simulate import simulate

CASE = "credit_risk"


def aval_simulate(*arguments: str | Path) -> Done:
    app = typer.Typer()
    app.command()(simulate)
    return run(app, *arguments)


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
