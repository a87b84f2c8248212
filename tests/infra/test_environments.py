"""The lists of tools hold what is asked for: an installation from a list that fell behind would test something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra.environments import TOOLS

NAMES = sorted(path.stem for path in TOOLS.glob("*.in"))


def test_every_list_is_made_from_what_is_asked_for() -> None:
    assert sorted(path.stem for path in TOOLS.glob("*.txt")) == NAMES


@pytest.mark.parametrize("tool", NAMES)
def test_a_list_holds_what_is_asked_for(tool: str) -> None:
    asked, listed = _asked(TOOLS / f"{tool}.in"), _asked(TOOLS / f"{tool}.txt")
    assert asked
    assert {name: listed.get(name) for name in asked} == {
        name: version or listed.get(name, "not listed") for name, version in asked.items()
    }


def _asked(file: Path) -> dict[str, str]:
    """Return the version of each package that a file for pip names, empty where it names none."""
    found: dict[str, str] = {}
    for line in file.read_text("utf-8").splitlines():
        if other := re.fullmatch(r"-r (.+)", line):
            found |= _asked(file.parent / other[1])
        elif package := re.match(r"([\w.-]+)(?:==([\w.]+))?", line):
            found[re.sub(r"[-_.]+", "-", package[1]).lower()] = package[2] or ""
    return found
