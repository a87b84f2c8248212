"""A real Airflow in an environment of its own, made once for each version and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

DAGS = Path(__file__).resolve().parents[3] / "infra" / "airflow"
SECONDS = 600


def airflow_programs() -> Path:
    """Return the folder of Airflow's programs; raises `CalledProcessError` where it cannot be installed."""
    wanted = (DAGS / "requirements.txt").read_bytes() + sys.version.encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aval-tests"
    folder = cache / f"airflow-{hashlib.sha256(wanted).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    # Tests may run in several processes.
    with (cache / "airflow.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder)
            (folder / "ready").touch()
    return folder / "bin"


def _make(folder: Path) -> None:
    requirements = ["-r", str(DAGS / "requirements.txt")]
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *requirements])
        return
    _run([sys.executable, "-m", "venv", str(folder)])
    _run(
        [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-qq",
            "--disable-pip-version-check",
            *requirements,
        ]
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
