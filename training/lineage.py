"""Where a training ran: code revision, library versions, environment. It is recorded, outside the bundle's hash."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

LIBRARIES = (
    "aval",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "optuna",
    "catboost",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "bentoml",
    "mlflow",
)
LOCK = "requirements-train.lock"


def lineage() -> dict[str, str]:
    """Return the git revision (ending in `-changed` for an unclean checkout, or `unknown`) and versions.

    A library that is not installed (xgboost has a name of its own on Linux) is left out.
    """
    found = {name: _version(name) for name in LIBRARIES}
    versions = {name: known for name, known in found.items() if known is not None}
    return {
        "git_revision": _git_revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **versions,
    }


def environment_files() -> dict[str, bytes]:
    """Return `environment.txt`, all installed packages with versions, and the lock file where there is a checkout."""
    installed = sorted({f"{item.name}=={item.version}" for item in distributions()}, key=str.lower)
    files = {"environment.txt": "\n".join([f"python=={platform.python_version()}", *installed, ""]).encode()}
    lock = Path(__file__).parents[1] / LOCK
    return {**files, LOCK: lock.read_bytes()} if lock.is_file() else files


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_revision() -> str:
    folder = Path(__file__).parent
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return f"{revision}-changed" if _git(folder, "status", "--porcelain") else revision
    except (OSError, subprocess.SubprocessError):
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
