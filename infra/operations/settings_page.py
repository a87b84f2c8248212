"""Write service/SETTINGS.md from what service/settings.py says of each setting: `make settings`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "service" / "SETTINGS.md"
_HEAD = """<!-- Written by `make settings` from service/settings.py: change it there. -->
# Settings

Settings come from the environment, and each may be left out; an empty variable is as one that is not set. They are
read when a program starts, which refuses what is not allowed: a change needs a restart, of one replica after the
other. Champion and policy are read at the start too; the file of API keys is looked at every second.
"""
_FOOT = """
## Of the libraries

Credentials, region and endpoint of S3 are found where boto3 finds them (`AWS_REGION`, `AWS_ENDPOINT_URL`, a task's
role, …), and user and password of a tracking server where MLflow finds them (`MLFLOW_TRACKING_USERNAME`,
`MLFLOW_TRACKING_PASSWORD`). `BENTOML_DO_NOT_TRACK=True` keeps BentoML from sending figures of use.
"""


@dataclass(frozen=True)
class Told:
    """What is said of one setting; all but the first two are Markdown."""

    field: str
    variable: str
    default: str
    allowed: str
    meaning: str


def told() -> dict[str, list[Told]]:
    """Return what is said of every setting, under its heading, in the order of the docstring."""
    _, _, lines = inspect.getdoc(Settings).partition(" | meaning.\n\n")  # type: ignore[union-attr]  # it has one
    # A line that is set in belongs to the one before.
    whole = re.sub(r"\n +", " ", lines)
    return {
        heading: list(_read(rest)) for heading, _, rest in (p.partition("\n") for p in whole.split("\n\n"))
    }


def page() -> str:
    """Return the whole page."""
    sections = [f"\n## {heading}\n\n{_table(of)}" for heading, of in told().items()]
    return _HEAD + "".join(sections) + _FOOT


def _read(lines: str) -> Iterator[Told]:
    for line in lines.splitlines():
        field, _, rest = line.partition(": ")
        yield Told(field, *(part.strip() for part in rest.split(" | ")))


def _table(of: list[Told]) -> str:
    rows = [f"| `{item.variable}` | {item.meaning} | {item.default} | {item.allowed} |\n" for item in of]
    return "| variable | meaning | default | allowed |\n|---|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
