"""How any page looks: what leaves the window, and what does not stand out enough from what is behind it."""

from __future__ import annotations

from typing import Any

PAPER = {"width": 690, "height": 1000}
# WCAG 2.2, 1.4.3 and 1.4.11.
LEAST_FOR_TEXT, LEAST_FOR_LARGE, LEAST_FOR_SHAPES = 4.5, 3.0, 3.0

BEYOND = """() => [...document.querySelectorAll('body *')]
  .filter(node => node.checkVisibility() && !node.closest('.heard, .skip, svg, .scroll'))
  .filter(node => node.getBoundingClientRect().right > innerWidth + 0.5 || node.getBoundingClientRect().left < -0.5)
  .map(node => `${node.tagName}.${node.className}: ${node.textContent.slice(0, 40)}`)"""
# Colours as a canvas shows them, whatever way they were written.
COLOURS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const painted = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const rgb = colour => known.get(colour) ?? (known.set(colour, painted(colour)), known.get(colour));
  const solid = node => {
    for (let now = node; now; now = now.parentElement) {
      const [r, g, b, alpha] = rgb(getComputedStyle(now).backgroundColor);
      if (alpha === 255) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const texts = [], shapes = [];
  const addText = (node, style, text) => texts.push({ text: text.trim().slice(0, 40), behind: solid(node),
    colour: rgb(node.closest('svg') ? style.fill : style.color).slice(0, 3),
    size: parseFloat(style.fontSize), bold: Number(style.fontWeight) >= 700 });
  const addShape = (text, colour, behind) => shapes.push({ text, behind: solid(behind),
    colour: rgb(colour).slice(0, 3) });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (!node.closest('.heard, .skip, option')) addText(node, getComputedStyle(node), walker.currentNode.textContent);
  }
  MORE
  return { texts, shapes };
}"""


def cut_off(elements: str, apart: str) -> str:
    """Return the question which of some elements hide a part of their text; `apart` are those that may."""
    return f"""() => [...document.querySelectorAll('{elements}')]
  .filter(node => node.checkVisibility() && !node.closest('{apart}'))
  .filter(node => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
  .map(node => node.textContent.slice(0, 60))"""


def colours(more: str) -> str:
    """Return the question what colours there are; `more` tells a page's shapes by `addShape(text, colour, behind)`."""
    return COLOURS.replace("MORE", more)


def hold_contrast(page: Any, asked: str) -> None:
    """Hold every text and shape that `colours` finds to the contrast that it needs."""
    found = page.evaluate(asked)
    assert found["texts"]
    for item in found["texts"]:
        large = item["size"] >= 24 or (item["bold"] and item["size"] >= 18.6)
        least = LEAST_FOR_LARGE if large else LEAST_FOR_TEXT
        assert _contrast(item["colour"], item["behind"]) >= least, item
    for item in found["shapes"]:
        assert _contrast(item["colour"], item["behind"]) >= LEAST_FOR_SHAPES, item


def _contrast(one: list[float], other: list[float]) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[float]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
