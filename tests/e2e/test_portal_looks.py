"""How the portal looks: widths, contrast, paper, and what it spares those who ask for less motion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.looks import BEYOND, PAPER, colours, cut_off, hold_contrast
from tests.e2e.portal_page import BAD, NARROW, WIDE, Portal, opened

Served = Callable[[str], str]
DECISIONS = ("approve", "refer", "decline")
# Each in the language of its people; where that is not it, the contract's words are English.
SHOWN = [
    ("credit_risk", "es-AR"),
    ("credit_risk", "en-GB"),
    ("loan_approval", "es-AR"),
    ("german_credit", "es-AR"),
    ("german_credit", "pt-BR"),
    ("card_default", "pt-BR"),
    ("card_default", "en-GB"),
    ("fraud_transactions", "es-AR"),
]
# Boxes of every line of text that is seen, except what lies under the bar that floats over the end of the form.
OVERLAPS = """() => {
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.textContent.trim() || !parent.checkVisibility() || parent.closest('.heard, .skip, option')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) lines.push({ node, box, text: node.textContent.trim() });
  }
  const found = [];
  for (const [at, one] of lines.entries()) {
    for (const other of lines.slice(at + 1)) {
      const wide = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const high = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      // Boxes of lines are higher than their letters: lines of small spacing may touch.
      if (one.node !== other.node && wide > 1 && high > 3) found.push([one.text, other.text]);
    }
  }
  return found;
}"""
CUT_OFF = cut_off(
    "p, li, dd, dt, h1, h2, h3, label, span, button, summary", apart=".heard, .skip, .select, .scale *"
)
COLOURS = colours("""
  for (const field of document.querySelectorAll('input:not([type=radio], [type=checkbox]), select, .buttons')) {
    if (!field.checkVisibility()) continue;
    addText(field, getComputedStyle(field), field.value ?? '');
    if (field.placeholder) addText(field, getComputedStyle(field, '::placeholder'), field.placeholder);
    addShape(field.id, getComputedStyle(field).borderTopColor, field.parentElement);
  }
  for (const bar of document.querySelectorAll('.weight-bar.raises, .weight-bar.lowers')) {
    if (bar.checkVisibility()) addShape(bar.className, getComputedStyle(bar).backgroundColor, bar.parentElement);
  }""")


@pytest.mark.parametrize(("use_case", "locale"), SHOWN)
def test_nothing_overlaps_or_is_cut_off_at_the_narrowest_and_at_the_widest(
    browser: Any, served: Served, use_case: str, locale: str
) -> None:
    with opened(browser, served(use_case), NARROW, locale=locale) as portal:
        portal.fill(BAD[use_case])
        portal.decide_and_explain()
        _open_all(portal)
        for width in (NARROW, WIDE):
            portal.page.set_viewport_size({"width": width, "height": 900})
            portal.show_all()
            assert portal.page.evaluate("document.documentElement.scrollWidth") == width
            for found in (OVERLAPS, BEYOND, CUT_OFF):
                assert portal.page.evaluate(found) == [], f"{width} px"


@pytest.mark.parametrize("width", [NARROW, 768, 1024, WIDE])
def test_remarks_on_wrong_values_find_their_room(browser: Any, served: Served, width: int) -> None:
    with opened(browser, served("fraud_transactions"), width, locale="es-AR") as portal:
        portal.page.click("#clear")
        portal.fill({"customer_tx_count_7d": 1.5, "terminal_tx_count_7d": -1})
        portal.page.click("#decide")
        portal.show_all()
        assert portal.page.locator(".error:visible").count() == 5
        for found in (OVERLAPS, BEYOND, CUT_OFF):
            assert portal.page.evaluate(found) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("use_case", ["credit_risk", "fraud_transactions"])
def test_every_text_and_every_edge_stands_out_enough(
    browser: Any, served: Served, use_case: str, scheme: str
) -> None:
    with opened(browser, served(use_case), color_scheme=scheme) as portal:
        hold_contrast(portal.page, COLOURS)
        portal.fill(BAD[use_case])
        portal.decide_and_explain()
        _open_all(portal)
        hold_contrast(portal.page, COLOURS)
        number = portal.page.locator(".field input[type=number]").first
        number.fill("-1")
        portal.page.click("#decide")
        portal.page.route("**/explain", lambda route: route.abort())
        hold_contrast(portal.page, COLOURS)


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_decision_has_a_word_a_shape_and_a_colour_of_enough_contrast(
    browser: Any, served: Served, decision: str, scheme: str
) -> None:
    with opened(browser, served("loan_approval"), color_scheme=scheme) as portal:
        answer = {
            "decision": decision,
            "probability": 0.2,
            "reasons": [],
            "model": "m",
            "policy": "p",
            "contract": "c",
        }
        portal.page.route("**/predict", lambda route: route.fulfill(json={**answer, "decision_id": "d"}))
        portal.decide()
        hold_contrast(portal.page, COLOURS)
        assert portal.text(".verdict .word").lower() == decision
        signs = {name: portal.page.locator(f".legend .{name} path").first for name in DECISIONS}
        shapes = {name: sign.get_attribute("d") for name, sign in signs.items()}
        assert len(set(shapes.values())) == 3
        assert portal.page.locator(".verdict svg path").first.get_attribute("d") == shapes[decision]


def test_motion_is_spared_where_less_is_asked_for(browser: Any, served: Served) -> None:
    for asked, expected in (("reduce", "auto"), ("no-preference", "smooth")):
        with opened(browser, served("loan_approval"), reduced_motion=asked) as portal:
            behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
            assert portal.page.evaluate(behaviour) == expected


def test_on_paper_the_decision_comes_first_and_nothing_is_lost(browser: Any, served: Served) -> None:
    with opened(browser, served("credit_risk")) as portal:
        portal.fill(BAD["credit_risk"])
        portal.decide_and_explain()
        portal.page.emulate_media(media="print", color_scheme="dark")
        portal.page.set_viewport_size(PAPER)
        tops = portal.page.evaluate(
            "['#answer', '#file', '#record'].map(id => document.querySelector(id).getBoundingClientRect().top)"
        )
        assert tops == sorted(tops)
        hidden = portal.page.locator("#decide, #example, .copy, .languages, .skip")
        assert not [item for item in hidden.all() if item.is_visible()]
        assert portal.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        portal.show_all()
        for found in (OVERLAPS, BEYOND):
            assert portal.page.evaluate(found) == []
        assert portal.page.pdf(format="A4").startswith(b"%PDF")


def test_the_answer_comes_into_view_on_a_small_screen(browser: Any, served: Served) -> None:
    with opened(browser, served("card_default"), NARROW, reduced_motion="reduce") as portal:
        portal.decide()
        top = portal.page.locator("#answer").evaluate("element => element.getBoundingClientRect().top")
        assert 0 <= top < 450


@pytest.mark.parametrize(
    ("policy", "bands"),
    [
        ({"refer_from": 0.12, "decline_from": 0.4}, ["approve", "refer", "decline"]),
        ({"refer_from": 0.3, "decline_from": 0.3}, ["approve", "decline"]),
        ({"refer_from": 0.0, "decline_from": 1.0}, ["refer", "decline"]),
        ({"refer_from": 0.0001, "decline_from": 0.0002}, ["approve", "refer", "decline"]),
        ({"refer_from": 0.98, "decline_from": 0.99}, ["approve", "refer", "decline"]),
    ],
)
def test_the_scale_shows_any_policy_and_any_probability(
    browser: Any, served: Served, policy: dict[str, float], bands: list[str]
) -> None:
    with opened(browser, served("loan_approval"), NARROW) as portal:
        for probability in (0.0, 0.00005, 0.3999, 1.0):
            drawn = portal.page.evaluate(DRAW_SCALE, [policy, probability])
            assert drawn["names"] == bands
            assert drawn["at"] == pytest.approx(math.sqrt(probability), abs=0.01)
            portal.show_all()
            for found in (OVERLAPS, BEYOND):
                assert portal.page.evaluate(found) == []


DRAW_SCALE = """async ([policy, probability]) => {
  const { drawScale } = await import('/pages/scale.js');
  document.querySelector('#decision').replaceChildren(drawScale(policy, probability));
  const box = query => document.querySelector(query).getBoundingClientRect();
  const bar = box('.scale-bar'), needle = box('.needle');
  const names = [...document.querySelectorAll('.band')].map(band => band.classList[1]);
  return { names, at: (needle.left + needle.width / 2 - bar.left) / bar.width };
}"""


def test_a_probability_is_never_rounded_onto_a_cut_off(browser: Any, served: Served) -> None:
    written = "async ([value, others]) => (await import('/pages/texts.js')).percent(value, others)"
    with opened(browser, served("loan_approval")) as portal:
        for value, cut_offs, text in (
            (0.173412, [0.12, 0.4], "17.3%"),
            (0.39996, [0.12, 0.4], "39.996%"),
            (0.4, [0.12, 0.4], "40%"),
            (0.0000523, [0.12, 0.4], "0.00523%"),
            (0.99999, [0.12, 0.4], "99.999%"),
            (1, [0.12, 0.4], "100%"),
            (0.0666666, [1 / 15, 1 / 3], "6.66666%"),
        ):
            assert portal.page.evaluate(written, [value, cut_offs]) == text


@pytest.mark.parametrize(
    ("locale", "text"),
    [("en-GB", "1,234.5"), ("es-MX", "1,234.5"), ("es-AR", "1.234,5"), ("pt-BR", "1.234,5")],
)
def test_numbers_are_written_as_in_the_browsers_region(
    browser: Any, served: Served, locale: str, text: str
) -> None:
    with opened(browser, served("loan_approval"), locale=locale) as portal:
        written = "async () => (await import('/pages/texts.js')).number(1234.5)"
        assert portal.page.evaluate(written) == text


def _open_all(portal: Portal) -> None:
    portal.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
