"""Mermaid, in a version that GitHub draws with or nearly so: fetched by npm once, and kept in the user's cache."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tarfile
from pathlib import Path

VERSION = "11.17.2"
_SCRIPT = "package/dist/mermaid.min.js"


def script() -> Path:
    """Return the file of Mermaid for browsers; raises `CalledProcessError` or `FileNotFoundError` where npm fails."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aval-tests"
    kept = cache / f"mermaid-{VERSION}.js"
    cache.mkdir(parents=True, exist_ok=True)
    # Tests may run in several processes.
    with (cache / "mermaid.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _fetch(cache, kept)
    return kept


def _fetch(cache: Path, kept: Path) -> None:
    command = ["npm", "pack", f"mermaid@{VERSION}", "--silent", "--ignore-scripts"]
    done = subprocess.run(command, cwd=cache, check=True, capture_output=True, text=True, timeout=300)
    archive = cache / done.stdout.split()[-1]
    with tarfile.open(archive) as packed:
        member = packed.extractfile(_SCRIPT)
        assert member is not None
        fresh = kept.with_suffix(".part")
        fresh.write_bytes(member.read())
    fresh.replace(kept)
    archive.unlink()
