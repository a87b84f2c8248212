"""In which encoding a text is written: UTF-8 unless its first bytes, or words of the contract, show clearly another."""

from __future__ import annotations

import codecs
import re

from service.errors import WrongUse
from service.scoring.contract import Contract

UTF_8 = "utf-8"
WESTERN = "windows-1252"
# The longer first: a mark of UTF-32 begins like one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF_8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def expect_encoding(encoding: str) -> None:
    """Raise `WrongUse` unless Python knows a text encoding of this name."""
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise WrongUse(
            f"encoding {encoding!r} is not known; it is one such as utf-8, utf-16, {WESTERN}, iso-8859-1"
        ) from None


def is_utf_8(encoding: str) -> bool:
    """Return whether text in this encoding needs no decoding."""
    return codecs.lookup(encoding).name in (UTF_8, "utf-8-sig", "ascii")


def find_encoding(beginning: bytes, contract: Contract) -> str:
    """Return the encoding of a text that begins so.

    It is windows-1252 only if it cannot be UTF-8 and has a name or a level of the contract in that encoding.
    """
    for mark, encoding in _MARKS:
        if beginning.startswith(mark):
            return encoding
    if beginning.isascii() or _UTF_8_SEQUENCE.search(beginning):
        return UTF_8
    return WESTERN if _speaks_western(beginning, contract) else UTF_8


def _speaks_western(beginning: bytes, contract: Contract) -> bool:
    try:
        text = beginning.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    levels = [level for column in contract.columns for level in column.levels if isinstance(level, str)]
    words = [word for word in (*contract.by_name, *contract.ignored, *levels) if not word.isascii()]
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)
