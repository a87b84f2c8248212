"""The README's use case of a user's own, outside the package: run as it is printed."""

from __future__ import annotations

import csv
import re
import subprocess
from pathlib import Path

import pytest

from tests.mlflow_tables import with_tables
from tests.processes import Home, post, web

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
SECTION = README.split("### A use case of your own")[1].split("\n### ")[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return with_tables(Home(tmp_path_factory.mktemp("own")))


@pytest.fixture(scope="module")
def scored(home: Home) -> Path:
    code = re.search(r"```python\n(.*?)```", SECTION, re.DOTALL)
    assert code
    (home.folder / "late_invoices.py").write_text(code[1])
    commands = [line.strip() for line in SECTION.splitlines() if line.startswith("    aval ")]
    assert len(commands) == 4
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=home.folder,
            env=home.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return home.folder / "scored.csv"


def test_every_row_of_its_file_is_scored(scored: Path) -> None:
    with scored.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3_000
    assert {row["decision"] for row in rows} <= {"approve", "decline"}


def test_it_is_served_under_its_name_with_the_probability_of_its_file(home: Home, scored: Path) -> None:
    with (home.folder / "ledger.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    record = {
        "amount": float(first["amount"]),
        "terms": int(first["terms"]),
        "sector": first["sector"],
        "late_before": float(first["late_before"]) if first["late_before"] else None,
    }
    with home.serve("late_invoices") as url:
        answer = post(f"{url}/predict", record).json()
        schema = web.get(f"{url}/schema").json()
    with scored.open(newline="") as file:
        assert answer["probability"] == float(next(csv.DictReader(file))["probability"])
    assert set(schema["properties"]) == {"amount", "terms", "sector", "late_before"}
