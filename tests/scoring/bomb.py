"""What an attacker would pickle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


class Bomb:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self.path), "w")
