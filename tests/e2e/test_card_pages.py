"""Model cards as a browser shows them: Debian's Chromium, through Playwright."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import quick_training
from tests.training.card_evidence import full_bundle
from training.model_card import render_card

# Rare, small, and of many inputs.
USE_CASES = ("fraud_transactions", "german_credit", "card_default")
WIDTHS = (1100, 900, 400)
RUN = {
    "git_revision": "0123456789abcdef0123456789abcdef01234567",
    "python": "3.11.2",
    "record_microseconds": 41.7,
}

# Boxes of the texts of every plot, and of the plot itself, as they are on the screen.
BOXES = """() => [...document.querySelectorAll('figure > svg')].map(svg => {
  const box = node => { const r = node.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const texts = [...svg.querySelectorAll('text')].filter(node => node.textContent.trim());
  return {plot: box(svg), texts: texts.map(node => ({text: node.textContent, box: box(node)}))};
})"""
CUT_OFF = """() => [...document.querySelectorAll('h1, h2, p, li, dd, dt, figcaption, caption span')]
  // A folded table's caption is for those who listen: its summary shows the same.
  .filter(node => !node.closest('details'))
  .filter(node => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
  .map(node => node.textContent.slice(0, 60))"""


@dataclass
class Shown:
    """A page in a browser, with whatever it asked the network for and complained of."""

    page: Any
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def shown(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Shown]:
    """`shown(use_case, width)`: the card of a use case in a window of that width."""
    folder = tmp_path_factory.mktemp("cards")
    windows: dict[str, Shown] = {}

    def show(use_case: str, width: int) -> Shown:
        if use_case not in windows:
            windows[use_case] = _open(browser, _card(use_case, folder))
        windows[use_case].page.set_viewport_size({"width": width, "height": 1000})
        return windows[use_case]

    return show


def _card(use_case: str, folder: Path) -> Path:
    files, version = full_bundle(quick_training(use_case))
    file = folder / f"{use_case}.html"
    file.write_text(render_card(files, use_case=use_case, version=version, run=RUN).html, "utf-8")
    return file


def _open(browser: Any, file: Path) -> Shown:
    found = Shown(browser.new_page())
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.goto(file.as_uri())
    return found


def overlap(one: list[float], other: list[float]) -> bool:
    """Whether two boxes share more than a pixel's width and height."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide > 1 and high > 1


@pytest.mark.parametrize("use_case", USE_CASES)
def test_no_text_of_a_plot_overlaps_another_or_leaves_it(
    shown: Callable[[str, int], Shown], use_case: str
) -> None:
    for width in WIDTHS:
        plots = shown(use_case, width).page.evaluate(BOXES)
        assert len(plots) >= 8
        for plot in plots:
            texts = plot["texts"]
            assert texts
            left, top, right, bottom = plot["plot"]
            for i, item in enumerate(texts):
                box = item["box"]
                inside = (
                    left - 1 <= box[0] and top - 1 <= box[1] and box[2] <= right + 1 and box[3] <= bottom + 1
                )
                assert inside, f"{item['text']!r} leaves its plot at {width} px"
                for other in texts[:i]:
                    assert not overlap(box, other["box"]), (
                        f"{item['text']!r} overlaps {other['text']!r} at {width} px"
                    )


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_page_is_as_wide_as_its_window_and_cuts_no_text_off(
    shown: Callable[[str, int], Shown], use_case: str
) -> None:
    for width in WIDTHS:
        page = shown(use_case, width).page
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_page_asks_the_network_for_nothing_and_complains_of_nothing(
    shown: Callable[[str, int], Shown], use_case: str
) -> None:
    found = shown(use_case, 1100)
    assert [url for url in found.asked if not url.startswith("file:")] == []
    assert len(found.asked) == 1
    assert found.complaints == []


@pytest.mark.parametrize("use_case", USE_CASES)
def test_no_plot_is_empty_or_vanishes_in_grey(shown: Callable[[str, int], Shown], use_case: str) -> None:
    from PIL import Image

    page = shown(use_case, 1100).page
    for figure in page.query_selector_all("figure > svg"):
        image = Image.open(io.BytesIO(figure.screenshot())).convert("L")
        width, height = image.size
        # Within the axes: past the labels on the left, above the scale and the legend below.
        inner = np.asarray(image.crop((width // 3, height // 30, width * 19 // 20, height * 11 // 20)))
        # The grid is lighter than this, and what a plot shows is not.
        assert (inner < 190).mean() > 0.004, f"{figure.get_attribute('aria-label')} shows nothing"


def test_in_print_what_is_folded_is_open_and_the_links_are_gone(shown: Callable[[str, int], Shown]) -> None:
    page = shown("german_credit", 1100).page
    page.emulate_media(media="print")
    try:
        assert not page.query_selector("nav").is_visible()
        assert page.query_selector("details table td").is_visible()
    finally:
        page.emulate_media(media="screen")
