"""What the weekly job types: a retraining, then the export of the champion, whose failure is the job's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform.program import INFRA

SCRIPT = INFRA / "modules" / "job" / "retrain.sh.tftpl"
# Notes what it is asked for, and ends as it was told.
AVAL = '#!/bin/sh\necho "$@" >> "$NOTES"\neval "exit \\$$1"\n'
RETRAIN, EXPORT = "retrain credit_risk --approval", "export credit_risk s3://releases/credit_risk"


@pytest.mark.parametrize("code", [0, 1, 3, 4, 6])
def test_after_every_answer_the_champion_is_exported_and_the_answer_is_the_jobs(
    code: int, tmp_path: Path
) -> None:
    assert job(tmp_path, retrain=code, export=0) == (code, [RETRAIN, EXPORT])


@pytest.mark.parametrize("code", [2, 5, 70, 143])
def test_after_a_failure_or_while_another_is_at_work_nothing_is_exported(code: int, tmp_path: Path) -> None:
    assert job(tmp_path, retrain=code, export=0) == (code, [RETRAIN])


@pytest.mark.parametrize("code", [0, 3])
def test_an_export_that_fails_is_a_failure_of_the_job(code: int, tmp_path: Path) -> None:
    assert job(tmp_path, retrain=code, export=2) == (2, [RETRAIN, EXPORT])


def job(folder: Path, retrain: int, export: int) -> tuple[int, list[str]]:
    """Run the job's command with an `aval` that ends so, and return its exit code and what it asked for."""
    aval, notes = folder / "aval", folder / "notes"
    aval.write_text(AVAL, "utf-8")
    aval.chmod(0o755)
    text = SCRIPT.read_text("utf-8").replace("${release}", "s3://releases/credit_risk")
    done = subprocess.run(
        ["sh", "-euc", text, "retrain", "credit_risk", "--approval"],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "NOTES": str(notes),
            "retrain": str(retrain),
            "export": str(export),
        },
        check=False,
    )
    return done.returncode, notes.read_text("utf-8").splitlines()
