"""Python environments of tools that cannot stand in the tests' own, made once and kept in the user's cache.

`python -m tests.infra.environments` makes all of them, which else the first test that wants one does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Whole lists, which `make lock` writes: pip need not look for what fits together, and finds the same every day.
TOOLS = Path(__file__).with_name("tools")
SECONDS = 900


def programs_of(tool: str) -> Path:
    """Return the folder of a tool's programs; raises `CalledProcessError` where it cannot be installed.

    tool: the name of a list of packages in `TOOLS`; the environment is made anew when it, the Python or this changes.
    """
    packages = TOOLS / f"{tool}.txt"
    wanted = packages.read_bytes() + Path(__file__).read_bytes() + sys.version.encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aval-tests"
    folder = cache / f"{tool}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    # Tests may run in several processes.
    with (cache / f"{tool}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, ["--no-deps", "-r", str(packages)])
            (folder / "ready").touch()
    return folder / "bin"


def _make(folder: Path, wanted: list[str]) -> None:
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
        return
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-qq",
        "--disable-pip-version-check",
    ]
    _run([*pip, "--no-compile", *wanted])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)


if __name__ == "__main__":
    for packages in sorted(TOOLS.glob("*.txt")):
        programs_of(packages.stem)
