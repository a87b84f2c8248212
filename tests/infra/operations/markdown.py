"""Reads Markdown as far as its promises can be checked: code, links, headings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")


@dataclass(frozen=True)
class Page:
    """A Markdown file: its lines in code blocks (fenced or set in), and the text between them."""

    path: Path
    code: tuple[str, ...]
    text: str

    @property
    def spans(self) -> list[str]:
        """What stands in backticks within the text, without its line breaks."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", self.text)]

    @property
    def links(self) -> list[str]:
        """The targets of links and pictures, those to other sites left out."""
        targets = re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`]+`", "", self.text))
        return [target for target in targets if "://" not in target and not target.startswith("mailto:")]

    @property
    def anchors(self) -> set[str]:
        """The names by which GitHub lets its headings be linked to."""
        headings = re.findall(r"^#+ +(.*?) *$", self.text, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def __str__(self) -> str:
        return str(self.path.relative_to(CHECKOUT))


@cache
def pages() -> tuple[Page, ...]:
    """Return every Markdown file that git knows."""
    command = ["git", "ls-files", "*.md"]
    names = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()
    return tuple(read(CHECKOUT / name) for name in sorted(set(names)) if (CHECKOUT / name).exists())


def read(path: Path) -> Page:
    """Read one file."""
    code: list[str] = []
    text: list[str] = []
    for kind, line in _lines(path.read_text("utf-8")):
        (code if kind == "code" else text).append(line)
    return Page(path, tuple(code), "\n".join(text))


def _lines(content: str) -> Iterator[tuple[str, str]]:
    fence = ""
    # What is set in is code only after an empty line; otherwise it goes on with the paragraph before.
    before = ""
    for line in content.splitlines():
        found = _FENCE.match(line)
        if found and (not fence or found[2].startswith(fence)):
            fence = "" if fence else found[2]
        elif fence or (line.startswith("    ") and before in ("", "code")):
            yield "code", line
            before = "code"
            continue
        else:
            yield "text", line
        before = line.strip()
