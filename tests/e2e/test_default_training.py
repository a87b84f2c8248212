"""What a default training reaches on real data, by the command that the README states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_tables import with_tables
from tests.processes import Home


@pytest.fixture(scope="module")
def german(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = with_tables(Home(tmp_path_factory.mktemp("default")))
    done = home.aval("train", "german_credit", "--data", real_data / "german_credit_data.csv", "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_german_credit_reaches_its_figures(german: dict[str, Any]) -> None:
    metrics = german["shipped"]["metrics"]
    assert metrics["roc_auc"] >= 0.75
    assert metrics["brier"] <= 0.175
    assert german["shipped"]["calibration"]["ece"]["within_chance"]


def test_it_passes_its_own_gates(german: dict[str, Any]) -> None:
    assert [g["code"] for g in german["gates"] if g["status"] == "fail" and g["severity"] == "blocks"] == []


def test_protected_attributes_would_add_little_and_the_report_says_how_much(german: dict[str, Any]) -> None:
    added = german["fairness"]["would_add"]
    assert set(added) == {"Age", "Sex"}
    assert all(abs(item["roc_auc"]) < 0.03 for item in added.values())
