"""What a start of the command costs: the process is new for every file of the night."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.service.batch.batch_commands import CHECKOUT

LOADED = "import sys, service.batch.command; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The packages that are imported before a run of the command begins."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("package", ["sqlalchemy", "psycopg", "pandas", "boto3", "pyspark"])
def test_what_only_some_runs_need_is_not_imported_by_all(loaded: set[str], package: str) -> None:
    assert "pyarrow" in loaded
    assert package not in loaded
