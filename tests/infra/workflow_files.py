"""The workflows of .github as data: their jobs, steps and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with BentoML, without its types

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / ".github" / "workflows"


@dataclass(frozen=True)
class Job:
    """One job, by the file it stands in."""

    file: str
    name: str
    body: Mapping[str, Any]

    @property
    def place(self) -> str:
        return f"{self.file}/{self.name}"

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        return list(self.body.get("steps", ()))

    @property
    def scripts(self) -> list[str]:
        """The scripts of its steps, as the shell gets them."""
        return [step["run"] for step in self.steps if "run" in step]

    @property
    def permissions(self) -> Mapping[str, str]:
        return dict(self.body["permissions"])


@dataclass(frozen=True)
class Workflow:
    """One file of .github/workflows."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def body(self) -> Mapping[Any, Any]:
        return dict(yaml.safe_load(self.text))

    @property
    def triggers(self) -> Mapping[str, Any]:
        # YAML 1.1 reads the key `on` as true.
        return dict(self.body[True])

    @property
    def jobs(self) -> list[Job]:
        return [Job(self.path.name, name, body) for name, body in self.body["jobs"].items()]

    @property
    def patterns(self) -> set[str]:
        """The paths whose changes it is run for, and those that a cache stands for."""
        causes = [cause for cause in self.triggers.values() if isinstance(cause, dict)]
        hashed = re.findall(r"'([^']+)'", " ".join(re.findall(r"hashFiles\((.*?)\)", self.text)))
        return {path for cause in causes for path in cause.get("paths", ())} | set(hashed)


def workflows() -> list[Workflow]:
    """Return every workflow, by name."""
    return [Workflow(path) for path in sorted(FOLDER.glob("*.y*ml"))]


def jobs() -> list[Job]:
    """Return the jobs of every workflow."""
    return [job for workflow in workflows() for job in workflow.jobs]


def uses() -> Iterator[tuple[str, str, str]]:
    """Yield of every action or workflow that is used the file, what is used, and the comment beside it."""
    for workflow in workflows():
        for used, comment in re.findall(r"^\s*(?:- )?uses: (\S+)[ ]*(.*)$", workflow.text, re.MULTILINE):
            yield workflow.path.name, used, comment


def matches(pattern: str, path: str) -> bool:
    """Say whether a path filter of GitHub's takes a path: `*` stays in a folder, `**` does not."""
    parts = re.split(r"(\*\*|\*)", pattern)
    regex = "".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(regex, path) is not None
