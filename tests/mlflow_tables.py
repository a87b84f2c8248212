"""MLflow's tables, made once in a process: making them takes seconds, a copy of them none."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.processes import Home


def with_tables(home: Home) -> Home:
    """Return the home with an MLflow in it that holds nothing: only a first command of all would have to make it."""
    target = home.folder / "aval" / "mlflow.db"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_database(), target)
    return home


@cache
def empty_database() -> Path:
    """Return an SQLite file with MLflow's tables and nothing in them; it is to be copied."""
    from training.registry.client import open_client

    folder = scratch_folder()
    open_client(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder / "mlflow.db"


def scratch_folder() -> Path:
    """Return a new folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="aval-mlflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
