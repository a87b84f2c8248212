from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tests.conftest import quick_training
from tests.training.card_evidence import (
    Files,
    full_bundle,
    rendered,
)
from training.model_card import Card
from training.train import Trained

USE_CASE = "loan_approval"


@pytest.fixture(scope="module")
def trained() -> Trained:
    return quick_training(USE_CASE)


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> tuple[Files, str]:
    return full_bundle(trained)


@pytest.fixture(scope="module")
def card(bundle: tuple[Files, str]) -> Card:
    return rendered(bundle)


class Page(HTMLParser):
    """What a page consists of: tags with their attributes in order, and the text of cells and paragraphs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("th", "td", "dd", "dt", "li", "p", "span", "svg"):
            self._open = tag != "svg"
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag in ("span", "svg", "path", "circle", "rect")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[-1] += data

    def all(self, *names: str) -> list[tuple[str, dict[str, str | None]]]:
        return [(tag, attributes) for tag, attributes in self.tags if tag in names]


def test_a_gate_that_does_not_apply_is_told_from_a_pass_by_word_and_shape(card: Card) -> None:
    marks = re.findall(r'<span class="mark (\w+)"><svg[^>]*>(.*?)</svg> ([^<]*)</span>', card.html, re.DOTALL)
    shapes = {word.strip(): shape for _, shape, word in marks}
    assert {"pass", "not applicable", "fail, only warns"} <= set(shapes)
    assert len({shapes["pass"], shapes["not applicable"], shapes["fail, only warns"]}) == 3


def test_the_section_on_data_links_the_profile_of_the_data(card: Card) -> None:
    name, text = f"{USE_CASE}-profile.html", "The data by outcome, before anything was fitted"
    section = card.html[card.html.index('<section id="data"') :]
    assert (
        f'<a href="{name}">{text}</a> (made by: aval profile {USE_CASE};'
        in section[: section.index("</section>")]
    )
    assert f"[{text}]({name}) (made by: aval profile {USE_CASE};" in card.markdown


def test_both_forms_say_the_same(card: Card) -> None:
    said = words(unescape(card.markdown))
    only_on_a_page = ("Below each figure", "Made by Aval", "no interval recorded")
    texts = [text for text in Page(card.html).texts if not any(part in text for part in only_on_a_page)]
    assert len(texts) > 300
    for text in texts:
        assert words(text) in said, f"{text!r} is not in the Markdown"


def words(text: str) -> str:
    return " ".join(re.sub(r"[\\*|`#<>&:]", " ", text).split())


def test_a_page_stands_alone(card: Card) -> None:
    page = Page(card.html)
    assert not page.all("script", "link", "iframe", "object", "embed", "img", "base", "form")
    assert not [
        attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)
    ]
    for _, attributes in page.tags:
        target = attributes.get("href") or attributes.get("xlink:href") or attributes.get("src") or "#"
        beside = target == f"{USE_CASE}-profile.html"
        assert target.startswith("#") or beside, f"{target} is not on the page"
    assert "@import" not in card.html
    assert set(re.findall(r"url\((.)", card.html)) <= {"#"}


def test_a_page_can_be_read_aloud(card: Card) -> None:
    page = Page(card.html)
    assert page.all("html")[0][1]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.all("h1", "h2", "h3")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row") for _, attributes in page.all("th"))
    plots = [attributes for _, attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(plots) == len(page.all("figure")) == len(page.all("figcaption")) > 6
    assert all(len(attributes["aria-label"] or "") > 30 for attributes in plots)
    assert len(page.all("table")) == len(page.all("caption"))
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
