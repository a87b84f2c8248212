"""Downloads the wheels of a lock for an image's platform, so that the image's build needs no index and no network.

python wheels.py LOCK FOLDER [ARCHITECTURE]     x86_64 (default) or aarch64
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The index is asked once for each package: the time goes into waiting for its answers.
AT_ONCE = 8
PYTHON = "3.11"
PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34", "manylinux_2_36")
COMPLETE = ".complete"


def download(lock: Path, folder: Path, architecture: str) -> None:
    """Fill the folder with what the lock names, each checked by its hash; does nothing where that was done before."""
    digest = hashlib.sha256(lock.read_bytes() + architecture.encode()).hexdigest()
    done = folder / COMPLETE
    if done.exists() and done.read_text() == digest:
        return
    folder.mkdir(parents=True, exist_ok=True)
    requirements = split(lock.read_text())
    parts = [requirements[start::AT_ONCE] for start in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda part: _download_part(part, folder, architecture), parts))
    done.write_text(digest)


def split(lock: str) -> list[str]:
    """Return the requirements of a hashed lock, each with its hashes."""
    return [found.strip() for found in re.split(r"\n(?=[A-Za-z0-9])", f"\n{lock}") if found.strip()]


def wheels_of(lock: str, folder: Path) -> list[Path]:
    """Return the wheels in the folder that the lock names; what is for another system has none there."""
    named = {_key(*found) for found in re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock)}
    return [path for path in sorted(folder.glob("*.whl")) if _key(*path.name.split("-")[:2]) in named]


def _key(name: str, version: str) -> tuple[str, str]:
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _download_part(requirements: list[str], folder: Path, architecture: str) -> None:
    platforms = [f"--platform={name}_{architecture}" for name in PLATFORMS]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements) + "\n")
        file.flush()
        command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}"]
        subprocess.run([*command, *platforms, "--dest", str(folder), "-r", file.name], check=True)  # noqa: S603


if __name__ == "__main__":
    download(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "x86_64")
