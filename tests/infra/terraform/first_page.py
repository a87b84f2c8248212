"""The blocks of `infra/README.md` that are followed to the letter: those with a mark after `sh`."""

from __future__ import annotations

import re

from tests.infra.terraform.program import INFRA

_BLOCK = re.compile(r"^```sh (?P<mark>[a-z-]+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(mark: str) -> list[str]:
    """Return the blocks with a mark, in their order."""
    return [found["text"] for found in _all() if found["mark"] == mark]


def marks() -> set[str]:
    """Return the marks that there are."""
    return {found["mark"] for found in _all()}


def _all() -> list[re.Match[str]]:
    return list(_BLOCK.finditer((INFRA / "README.md").read_text("utf-8")))
