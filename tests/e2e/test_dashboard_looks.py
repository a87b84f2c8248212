"""How the dashboard looks: widths, contrast, paper, and what can be had without eyes or without a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.dashboard_figures import Body, made_up, nothing
from tests.e2e.dashboard_page import NARROW, WIDE, Service, opened, serving
from tests.e2e.looks import BEYOND, PAPER, colours, cut_off, hold_contrast

BODIES: dict[str, Body] = {
    "month": made_up(),
    "week": made_up(7),
    "year": made_up(400),
    "few": made_up(3, per_day=9),
    "nothing": nothing(),
    "behind": {**made_up(), "caught_up": False, "behind": 12345},
}

# Texts of a drawing that leave it, or that lie over one another.
CROWDED = """() => [...document.querySelectorAll('.drawing')].flatMap(drawing => {
  const frame = drawing.getBoundingClientRect();
  const boxes = [...drawing.querySelectorAll('.tick')].map(text => [text.textContent, text.getBoundingClientRect()]);
  const leaves = box => box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
  const found = boxes.filter(([, box]) => leaves(box))
    .map(([text]) => `${text} leaves its drawing`);
  for (const [at, [text, one]] of boxes.entries()) {
    for (const [other, two] of boxes.slice(at + 1)) {
      const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
      const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
      if (wide > 0 && high > 3) found.push(`${text} lies over ${other}`);
    }
  }
  return found;
})"""
CUT_OFF = cut_off(
    "p, li, dd, dt, h1, h2, h3, label, span, button, summary, figcaption", apart=".heard, .skip, .scroll"
)
COLOURS = colours("""
  for (const shape of document.querySelectorAll('.bar:not(.refer, .faint), .run:not(.few), .stripe')) {
    addShape(shape.getAttribute('class'), getComputedStyle(shape).fill, shape.closest('.card') ?? document.body);
  }
  for (const line of document.querySelectorAll('.line, .outline, .point, .threshold line, .mark')) {
    addShape(line.getAttribute('class'), getComputedStyle(line).stroke, line.closest('.card'));
  }""")
# What has a role or takes the focus, and no name that could be read aloud.
NAMELESS = """() => [...document.querySelectorAll(
  'a, button, input, summary, [role=slider], [role=region], section, nav, table')]
  .filter(node => !(node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') || node.labels?.length
    || node.caption || node.textContent.trim()))
  .map(node => node.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as started:
        yield started


@pytest.mark.parametrize("name", BODIES)
def test_nothing_is_cut_off_or_crowded_at_any_width(browser: Any, service: Service, name: str) -> None:
    service.body = BODIES[name]
    with opened(browser, service, NARROW) as dashboard:
        dashboard.open_all()
        for width in (NARROW, 768, WIDE, 2560):
            dashboard.page.set_viewport_size({"width": width, "height": 900})
            dashboard.show_all()
            assert dashboard.page.evaluate("document.documentElement.scrollWidth") == width
            for found in (BEYOND, CUT_OFF, CROWDED):
                assert dashboard.page.evaluate(found) == [], f"{width} px"
        assert dashboard.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_and_every_shape_stands_out_enough(browser: Any, service: Service, scheme: str) -> None:
    for name in ("month", "nothing", "behind"):
        service.body = BODIES[name]
        with opened(browser, service, color_scheme=scheme) as dashboard:
            dashboard.open_all()
            hold_contrast(dashboard.page, COLOURS)


def test_colour_alone_never_tells(browser: Any, service: Service) -> None:
    service.body = BODIES["month"]
    with opened(browser, service) as dashboard:
        fills = dashboard.page.locator("#volume .bar.refer").first.get_attribute("fill")
        assert fills == "url(#stripes)"
        heights = {
            level: dashboard.page.locator(f".run.{level}").first.get_attribute("height")
            for level in ("ok", "warn", "alarm")
        }
        assert len(set(heights.values())) == 3
        shapes = dashboard.page.evaluate(
            "[...document.querySelectorAll('.point')].map(one => [one.classList[1], one.lastChild.tagName])"
        )
        assert {tuple(shape) for shape in shapes} == {
            ("agrees", "circle"),
            ("higher", "path"),
            ("lower", "path"),
        }


def test_everything_that_can_be_reached_has_a_name(browser: Any, service: Service) -> None:
    service.body = BODIES["month"]
    with opened(browser, service) as dashboard:
        dashboard.open_all()
        assert dashboard.page.evaluate(NAMELESS) == []
        for drawing in dashboard.page.locator("main svg").all():
            assert drawing.get_attribute("aria-hidden") == "true"
        headings = dashboard.page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3')].map(one => Number(one.tagName[1]))"
        )
        assert headings[0] == 1
        assert all(next_ - now <= 1 for now, next_ in pairwise(headings))


def test_the_keyboard_reaches_every_chart_and_opens_every_column(browser: Any, service: Service) -> None:
    service.body = BODIES["month"]
    with opened(browser, service) as dashboard:
        seen = set()
        for _ in range(120):
            dashboard.page.keyboard.press("Tab")
            seen.add(
                dashboard.page.evaluate(
                    "document.activeElement.ariaLabel ?? document.activeElement.textContent"
                )
            )
        labels = dashboard.page.evaluate("[...document.querySelectorAll('.days')].map(one => one.ariaLabel)")
        assert set(labels) <= seen
        summaries = dashboard.page.locator(".column summary").all_text_contents()
        assert set(summaries) <= seen


def test_a_drawing_follows_the_width_of_the_window(browser: Any, service: Service) -> None:
    service.body = BODIES["month"]
    with opened(browser, service) as dashboard:
        for width in (WIDE, 500, NARROW, 900):
            dashboard.page.set_viewport_size({"width": width, "height": 900})
            dashboard.settle()
            drawn, box = dashboard.page.evaluate(
                "(() => { const box = document.querySelector('#volume .fitted');"
                " return [box.firstChild.viewBox.baseVal.width, box.clientWidth]; })()"
            )
            assert abs(drawn - box) <= 1


def test_on_paper_every_section_is_there_in_black_on_white(browser: Any, service: Service) -> None:
    service.body = BODIES["month"]
    with opened(browser, service) as dashboard:
        assert dashboard.page.pdf(format="A4").startswith(b"%PDF")
        dashboard.page.emulate_media(media="print", color_scheme="dark")
        dashboard.page.set_viewport_size(PAPER)
        dashboard.show_all()
        assert dashboard.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert not dashboard.page.locator("#period").is_visible()
        for section in ("attention", "volume", "score", "columns", "outcomes", "models", "traffic"):
            assert dashboard.page.locator(f"#{section}").is_visible(), section
        for found in (BEYOND, CROWDED):
            assert dashboard.page.evaluate(found) == []


def test_four_hundred_days_are_drawn_within_a_second(browser: Any, service: Service) -> None:
    body = made_up(400)
    body["columns"] = [
        {**column, "name": f"{column['name']}_{at}"} for at in range(6) for column in body["columns"]
    ]
    service.body = body
    with opened(browser, service) as dashboard:
        seconds = dashboard.page.evaluate(
            "performance.getEntriesByType('resource').filter(one => one.name.endsWith('dashboard.json'))"
            ".map(one => one.responseEnd)[0]"
        )
        drawn = dashboard.page.evaluate(
            "new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))"
            ".observe({ type: 'largest-contentful-paint', buffered: true }))"
        )
        assert drawn - seconds < 1_000
        assert dashboard.page.evaluate("document.querySelectorAll('main *').length") < 6_000
