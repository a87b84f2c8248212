"""Checkov, a reader of Terraform with 1,000 rules for security, in an environment of its own."""

from __future__ import annotations

import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.infra.environments import programs_of


def start_installing() -> Future[Path]:
    """Install it beside other tests, which mostly wait; the result is the folder of its programs."""
    executor = ThreadPoolExecutor(1, "checkov")
    future = executor.submit(programs_of, "checkov")
    executor.shutdown(wait=False)
    return future


def checked(programs: Path, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it over a root, without asking anybody else: `--skip-download` keeps it from its maker's servers."""
    return subprocess.run(
        [programs / "checkov", "--directory", root, "--skip-download", "--framework", "terraform", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
