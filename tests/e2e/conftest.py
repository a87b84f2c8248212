"""Homes in which each use case was quickly trained and promoted by its commands, on real data where they are there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_tables import with_tables
from tests.processes import Home

REAL_FILES = {
    "credit_risk": "credit_risk_dataset.csv",
    "card_default": "lending_data.csv",
    "german_credit": "german_credit_data.csv",
    "fraud_transactions": "fraud_transactions.csv.gz",
}


@dataclass(frozen=True)
class Promoted:
    """A use case's home, the file that it was trained on, and what `aval train --json` reported."""

    use_case: str
    home: Home
    data: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def promoted(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Promoted]:
    """`promoted(use_case)`: trained and promoted on the real data; loan approval on its generator's."""
    home = with_tables(Home(tmp_path_factory.mktemp("home")))

    @cache
    def train_and_promote(use_case: str) -> Promoted:
        if use_case in REAL_FILES:
            data = real_data / REAL_FILES[use_case]
        else:
            data = home.folder / f"{use_case}.csv"
            assert home.aval("sample", use_case, "--rows", "20000", "-o", data).returncode == 0
        trained = home.aval("train", use_case, "--data", data, "--quick", "--json")
        assert trained.returncode == 0, trained.stderr
        done = home.aval("promote", use_case, "--why", "tests")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return Promoted(use_case, home, data, json.loads(trained.stdout))

    return train_and_promote
