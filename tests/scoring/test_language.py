from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.language import Language, preferred_language
from tests.scoring.strategies import USUAL

SPANISH: tuple[Language, ...] = ("en", "es")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("ES-419, en;q=0.5", "es"),
        ("en-GB,es;q=0.9", "en"),
        ("en;q=0.4, es;q=0.8", "es"),
        ("es;q=0.7,en;q=0.7", "es"),
        ("fr-CH, fr;q=0.9, es;q=0.2", "es"),
        ("fr, pt;q=0.9", "en"),
        ("es;q=0", "en"),
        ("fr, en;q=0", "en"),
        ("en;q=0, *", "es"),
        ("*", "en"),
        ("es;q=0, *;q=0.5", "en"),
        ("*;q=0.1, es;q=0.5", "es"),
        ("es ; q=1.000", "es"),
        ("es-MX;q=0.5, en;q=0.6, es;q=0.9", "es"),
        ("es;q=0, en;q=0.2, es-MX;q=0.5", "es"),
        ("", "en"),
    ],
)
def test_the_language_liked_best_among_those_offered(header: str, expected: str) -> None:
    assert preferred_language(header, SPANISH) == expected


@pytest.mark.parametrize(
    "header", ["es;q=2", "es;q=x", "es_MX", "es;;q=1", "\x00", ";q=1", "español", "es/en"]
)
def test_what_is_malformed_is_skipped(header: str) -> None:
    assert preferred_language(header, SPANISH) == "en"
    assert preferred_language(f"{header}, es;q=0.1, en;q=0", SPANISH) == "es"


def test_what_stands_far_back_in_an_endless_header_is_not_looked_at() -> None:
    assert preferred_language("fr," * 1000 + "es", SPANISH) == "en"


@USUAL
@given(header=st.text(alphabet="espnt-*;q=0.15, \x00é", max_size=40))
def test_any_header_gives_an_offered_language(header: str) -> None:
    assert preferred_language(header, SPANISH) in SPANISH
    assert preferred_language(header, ("en",)) == "en"
