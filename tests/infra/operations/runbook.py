"""The blocks of the runbook that say `sh try`, and how they are typed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.infra.operations.markdown import CHECKOUT

RUNBOOK = (CHECKOUT / "infra" / "RUNBOOK.md").read_text("utf-8")


@dataclass(frozen=True)
class Block:
    """A block to be tried: the heading that it stands under, what it needs beside a machine, what is typed.

    answers: exit codes of its last command that are no failure.
    """

    heading: str
    needs: str
    answers: frozenset[int]
    text: str


def blocks() -> Iterator[Block]:
    """Yield the blocks in their order."""
    for section in re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]:
        for found in re.finditer(r"^```sh try ?(.*)\n((?s:.*?))^```$", section, re.MULTILINE):
            answers = frozenset({0, *map(int, re.findall(r"\d+", found[1]))})
            needs = re.sub(r"[\d ]+", "", found[1])
            yield Block(section.partition("\n")[0], needs, answers, found[2])


def typed(block: Block, folder: Path, environment: Mapping[str, str]) -> str:
    """Type a block line by line, and return all that was printed; what ends with an error fails."""
    *before, last = block.text.replace("\\\n", "").splitlines()
    said = [_typed(block, line, frozenset({0}), folder, environment) for line in before]
    return "".join([*said, _typed(block, last, block.answers, folder, environment)])


def _typed(
    block: Block, line: str, answers: frozenset[int], folder: Path, environment: Mapping[str, str]
) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = f"{block.heading}\n{line}\n{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode in answers, told
    return done.stdout + done.stderr
