"""Where a training ran: code revision and library versions. It is recorded, and stands outside the bundle's hash."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("aval", "numpy", "pyarrow", "scikit-learn", "catboost", "lightgbm", "bentoml", "mlflow")


def lineage() -> dict[str, str]:
    """Return the git revision (ending in `-changed` for an unclean checkout, or `unknown`) and versions."""
    versions = {name: version(name) for name in LIBRARIES}
    return {"git_revision": _git_revision(), "python": platform.python_version(), **versions}


def _git_revision() -> str:
    folder = Path(__file__).parent
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return f"{revision}-changed" if _git(folder, "status", "--porcelain") else revision
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # fixed words, no shell
        ["git", "-C", str(folder), *arguments],  # noqa: S607  # git is wherever the user has it
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    )
    return done.stdout.strip()
