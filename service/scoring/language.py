"""The languages that people are answered in: English, and that of the people whom a use case is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from pydantic import BaseModel

Language: TypeAlias = Literal["en", "es", "pt"]

# Longer headers are no browser's; what stands further on is not looked at.
_LONGEST_HEADER = 400
_RANGE = re.compile(
    r"\s*(\*|[A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*[qQ]\s*=\s*([01](?:\.\d{0,3})?)\s*)?"
)
_LOCAL = "local_"


@lru_cache(maxsize=256)
def preferred_language(accept_language: str, offered: tuple[Language, ...]) -> Language:
    """Return the offered language that an `Accept-Language` header likes best, English where it likes none.

    Ranges count by their primary part (`es-MX` is `es`), each language by its weightiest; the weightier wins, then the
    earlier; a weight of 0 refuses (RFC 9110, 12.5.4). What is malformed is skipped.
    """
    wishes: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept_language[:_LONGEST_HEADER].split(",")):
        if found := _RANGE.fullmatch(part):
            language, wish = found[1].lower(), (float(found[2] or 1), -place)
            wishes[language] = max(wishes.get(language, wish), wish)
    # A star stands for every language that is not named.
    star = wishes.get("*", (0.0, 0))
    liking = {language: wishes.get(language, star) for language in offered}
    best = max(offered, key=lambda language: liking[language])
    return best if liking[best][0] > 0 else "en"


def check_texts(language: Language, items: Mapping[str, BaseModel]) -> None:
    """Raise `ValueError` unless each item says in its `local_` fields, in that language, what it says in English.

    In English there is nothing to say twice, and every `local_` field must be empty.
    """
    for name, item in items.items():
        for local in _local_fields(type(item)):
            own, english = getattr(item, local), getattr(item, local.removeprefix(_LOCAL))
            if own and language == "en":
                raise ValueError(
                    f"{name}: {local} is in no language; declare the contract's language: es or pt"
                )
            if language != "en" and bool(english) != bool(own):
                lacks, has = (
                    (local, local.removeprefix(_LOCAL)) if english else (local.removeprefix(_LOCAL), local)
                )
                raise ValueError(
                    f"{name} has a {has} and no {lacks}: texts are in English and in {language!r}"
                )


def _local_fields(kind: type[BaseModel]) -> Sequence[str]:
    return [name for name in kind.model_fields if name.startswith(_LOCAL)]
