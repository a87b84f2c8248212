"""Text as Markdown shows it, letter by letter."""

from __future__ import annotations

import re
from typing import Any

_SPECIAL = re.compile(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))")


def escape(value: Any) -> str:
    """Return a value as Markdown text of one line, in which nothing is markup."""
    text = re.sub(r"[\r\n\t]+", " ", str(value))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)
