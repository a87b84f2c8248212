"""Load tests started as processes: imported, Locust would patch this one's sockets and threads."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load.mix import Case, write_cases
from tests.processes import PROGRAMS

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
# The machine that runs the tests runs others too: what is asked of the generator itself is little.
STAGE = """
[tested]
rate = {rate}
seconds = {{ warm-up = {warm_up}, steady = {seconds} }}
mix = {mix}
[tested.every]
errors = 0.0
limited = 0.0
achieved = 0.0
late_p99_ms = {late}
"/predict" = {{ p50_ms = {p50}, p99_ms = {p99} }}
"""
ALL = '{ "/predict" = 8, "/predict_bulk" = 1, "/explain" = 1, "/outcomes" = 2 }'


@dataclass(frozen=True)
class Ended:
    """A load test that ended: its exit code, what it printed, and its result."""

    code: int
    printed: str
    result: dict[str, Any]
    folder: Path

    def row(self, label: str, path: str = "") -> dict[str, Any]:
        """Return the figures of a label and path."""
        return next(row for row in self.result["rows"] if (row["label"], row["path"]) == (label, path))


def load_test(url: str, folder: Path, *options: str, cases: list[Case] | None = None, **asked: Any) -> Ended:
    """Run a load test, `asked` being the stage's objectives and times."""
    objectives = stage_file(folder, **asked)
    file = write_cases(cases or [Case({}, 1)], folder / "cases.jsonl")
    ours: list[str | Path] = [
        "--stage",
        "tested",
        "--objectives",
        objectives,
        "--cases",
        file,
        "--report",
        folder / "report",
    ]
    ran = locust(LOCUSTFILE, url, *ours, *options)
    result = folder / "report" / "result.json"
    told = json.loads(result.read_text()) if result.exists() else {}
    return Ended(ran.returncode, ran.stdout + ran.stderr, told, folder / "report")


def stage_file(folder: Path, **asked: Any) -> Path:
    """Write a file of objectives with the stage `tested`, and return it."""
    usual = {"rate": 100, "warm_up": 0.2, "seconds": 2, "mix": '{ "/predict" = 1 }'}
    file = folder / "objectives.toml"
    file.write_text(STAGE.format(**{**usual, "late": 5_000, "p50": 5_000, "p99": 5_000, **asked}))
    return file


def locust(
    file: Path, url: str, *options: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Locust until it ends."""
    return subprocess.run(
        [PROGRAMS / "locust", "-f", file, "--headless", "--host", url, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
