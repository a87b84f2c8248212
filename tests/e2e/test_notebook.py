"""The notebook runs from its first cell to its last, and leaves a champion behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from service.model_store import champions
from tests.mlflow_tables import with_tables
from tests.processes import PROGRAMS, Home

NOTEBOOK = Path(__file__).resolve().parents[2] / "training" / "notebooks" / "from_cases_to_champion.ipynb"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return with_tables(Home(tmp_path_factory.mktemp("notebook")))


def test_the_notebook_promotes_a_champion(home: Home) -> None:
    done = subprocess.run(
        [PROGRAMS / "jupyter-execute", NOTEBOOK, "--output", home.folder / "run.ipynb", "--timeout", "300"],
        env=home.environment(),
        cwd=home.folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(champions(home.bentoml_home)) == ["german_credit"]


def test_the_notebook_is_kept_without_output() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []
