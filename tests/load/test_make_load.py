"""`make load` and what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.load.started import stage_file
from tests.processes import free_port


def load(*options: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.load", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


def test_without_a_host_a_service_is_trained_and_served_with_a_key(tmp_path: Path) -> None:
    objectives, summary = stage_file(tmp_path, rate=40, seconds=4), tmp_path / "summary.md"
    asked = ("--use-case", "german_credit", "--objectives", objectives, "--stage", "tested")
    ran = load(*asked, "--report", tmp_path / "report", GITHUB_STEP_SUMMARY=str(summary))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "training german_credit on generated cases, and serving it with two workers" in ran.stdout
    assert "the generator alone, against an echo: up to" in ran.stdout
    assert "the generator was late by p99" in ran.stdout
    # Of the echo nothing is said there.
    assert summary.read_text().count("### Load: objectives met") == 1
    assert (tmp_path / "report" / "report.html").read_text().count("<polyline") == 3


def test_a_host_where_nothing_is_served_is_told() -> None:
    host = f"http://127.0.0.1:{free_port()}"
    ran = load("--host", host)
    assert ran.returncode == 2
    assert f"{host}/model_metadata gave no answer: is it served there" in ran.stderr


def test_a_file_of_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    ran = load("--host", "http://127.0.0.1:1", "--key-file", tmp_path / "none.key")
    assert ran.returncode == 2
    assert "none.key is not a file" in ran.stderr
