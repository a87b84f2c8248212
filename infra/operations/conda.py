"""Write infra/environment.yml, the conda environment, from requirements-train.lock: `make conda`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = CHECKOUT / "infra" / "environment.yml"
_HEAD = """\
# Written by `make conda` from requirements-train.lock: change it there.
#     conda env create -f infra/environment.yml && conda activate aval
# conda brings Python alone. The packages are PyPI's, as locked: conda-forge builds others under the same versions, and
# what was tested are these. Hashes are checked by `make demo`, not here. On macOS also: brew install libomp. Tried: the
# pip section resolves for a bare Python 3.11 on Linux; conda itself was not at hand.
name: aval
channels:
  - conda-forge
  - nodefaults
dependencies:
"""


def python_version() -> str:
    """Return the least Python that Aval runs on, with which it is tested."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["requires-python"]).removeprefix(">=")


def pins(lock: str) -> list[str]:
    """Return a lock's requirements, each with its marker and without its hashes."""
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"[\w.-]+==", line)]


def environment() -> str:
    """Return the whole file."""
    lines = [f"  - python={python_version()}", "  - pip", "  - pip:"]
    # Quoted, because a marker has quotes and semicolons of its own.
    lines += [f'      - "{pin}"' for pin in pins((CHECKOUT / "requirements-train.lock").read_text("utf-8"))]
    return _HEAD + "\n".join([*lines, "      - -e .."]) + "\n"


if __name__ == "__main__":
    FILE.write_text(environment(), "utf-8")
