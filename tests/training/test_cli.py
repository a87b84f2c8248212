from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.mlflow_tables import with_tables
from tests.processes import Home

FIVE = ["card_default", "credit_risk", "fraud_transactions", "german_credit", "loan_approval"]


@pytest.fixture
def empty_home(tmp_path: Path) -> Home:
    return with_tables(Home(tmp_path))


def test_use_cases_lists_the_five_without_a_champion(empty_home: Home) -> None:
    done = empty_home.aval("use-cases", "--json")
    assert done.returncode == 0
    assert {item["use_case"]: item["champion"] for item in json.loads(done.stdout)} == dict.fromkeys(FIVE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "boat"),
            f"'boat' is not one of: {', '.join(FIVE)}; a file of your own is named by its path, ending in .py",
        ),
        (("train", "boat.py"), "boat.py is not a file"),
        (("train", "credit_risk", "--data", "none.csv"), "none.csv is not a file"),
        (("promote", "credit_risk"), "credit_risk has no trained model; run: aval train credit_risk"),
        (("leaderboard", "credit_risk"), "credit_risk has no trained model; run: aval train credit_risk"),
        (
            ("score", "credit_risk", "in.csv", "out.csv"),
            "credit_risk has no champion in the model store; "
            "run: aval train credit_risk && aval promote credit_risk",
        ),
        (("sample", "credit_risk", "-o", "cases.xls"), "cases.xls ends in none of: .csv, .csv.gz, .parquet"),
        (
            ("sample", "credit_risk", "-o", "/nowhere/cases.csv"),
            "/nowhere/cases.csv cannot be written: Cannot save file into a non-existent directory: '/nowhere'",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_users_error_is_one_line_and_exit_code_2(
    empty_home: Home, arguments: tuple[str, ...], message: str
) -> None:
    done = empty_home.aval(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"aval: error: {message}\n"


def test_a_fault_of_ours_is_its_traceback_and_exit_code_70_which_is_nobodys_answer() -> None:
    broken = """
import sys
from training import cli

@cli.app.command()
def breaks() -> None:
    None + 1

sys.argv = ["aval", "breaks"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert done.stderr.startswith("Traceback")
    assert "TypeError: unsupported operand" in done.stderr


def test_sample_writes_the_same_records_in_every_form(empty_home: Home, tmp_path: Path) -> None:
    for end in ("csv", "csv.gz", "parquet"):
        done = empty_home.aval("sample", "loan_approval", "--rows", "50", "-o", tmp_path / f"cases.{end}")
        assert done.returncode == 0
    frames = [
        pd.read_csv(tmp_path / f"cases.{end}", float_precision="round_trip") for end in ("csv", "csv.gz")
    ]
    frames.append(pd.read_parquet(tmp_path / "cases.parquet"))
    assert [len(frame) for frame in frames] == [50, 50, 50]
    assert frames[0].equals(frames[1])
    assert frames[0]["income"].tolist() == frames[2]["income"].tolist()


def test_score_reports_its_manifest_as_json(quick_home: Callable[[str], Home], tmp_path: Path) -> None:
    home = quick_home("loan_approval")
    home.aval("sample", "loan_approval", "--rows", "40", "-o", tmp_path / "cases.csv")
    done = home.aval("score", "loan_approval", tmp_path / "cases.csv", tmp_path / "scored.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows_scored"] == 40
    assert json.loads((tmp_path / "scored.csv.manifest.json").read_text())["rows_in"] == 40


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    from training.cli import app

    names = {item.name or str(item.callback.__name__) for item in app.registered_commands if item.callback}
    for group in app.registered_groups:
        commands = group.typer_instance.registered_commands if group.typer_instance else []
        names |= {f"{group.name} {item.name or item.callback.__name__}" for item in commands if item.callback}
    assert {"train", "policy make"} <= names
    assert [name for name in sorted(names) if f"aval {name}" not in readme] == []


def test_no_command_waits_for_what_it_does_not_need() -> None:
    slow = ("pandas", "sqlalchemy", "mlflow", "sklearn", "catboost", "matplotlib")
    ask = f"import sys, training.cli; print(*[name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
