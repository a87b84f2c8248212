// What charts are made of: a frame with its scales, lines, bars, ticks; and drawing again where the width changes.

import { draw, make, put } from './elements.js';

const LEFT = 44;
const RIGHT = 6;
const TOP = 20;
const BOTTOM = 22;
const TICKS = 4;
const PAPER = 640;

/** Return a frame: `x` places the `steps` equal steps of the axis (0 is the left edge), `y` values from 0 to `most`. */
export function frame(width, height, steps, most) {
  const [left, right, top, bottom] = [LEFT, Math.max(width - RIGHT, LEFT + 1), TOP, height - BOTTOM];
  const step = (right - left) / Math.max(steps, 1);
  const x = (at) => round(left + at * step);
  const y = (value) => round(bottom - (bottom - top) * Math.min(Math.max(value / most, 0), 1));
  return { width, height, left, right, top, bottom, step, x, y };
}

/** Return round values from 0 to at least `most`, at most five of them; `whole` allows no fractions. */
export function ticks(most, whole = false) {
  const wanted = (most > 0 ? most : 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const fitting = [1, 2, 2.5, 5, 10].map((digit) => digit * power).find((step) => step >= wanted * 0.999);
  const step = whole ? Math.max(1, Math.ceil(fitting)) : fitting;
  const steps = Math.max(1, Math.ceil((most / step) * 0.999));
  return Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(6)));
}

/** Return the lines across a frame at these values, with their labels at the left. */
export function drawLevels(plot, values, format) {
  return values.flatMap((value) => [
    draw('line', { class: value === 0 ? 'base' : 'grid', x1: plot.left, x2: plot.right, y1: plot.y(value), y2: plot.y(value) }),
    draw('text', { class: 'tick', x: plot.left - 6, y: plot.y(value) + 4, 'text-anchor': 'end' }, format(value)),
  ]);
}

/** Return bars as one path: each `[from, to, low, high]`, x and values in the frame's own measures. */
export function drawBars(plot, bars, attributes) {
  const seen = bars.filter(([, , low, high]) => high > low);
  const d = seen.map(([from, to, low, high]) =>
    `M${plot.x(from)} ${plot.y(low)}V${plot.y(high)}H${plot.x(to)}V${plot.y(low)}Z`).join('');
  return draw('path', { ...attributes, d });
}

/** Return a line through values in the middle of their steps, broken where there is none; a lone value is a dot. */
export function drawLine(plot, values, name) {
  const place = (at) => `${plot.x(at + 0.5)} ${plot.y(values[at])}`;
  const has = (at) => Number.isFinite(values[at]);
  const d = values.map((_, at) => (has(at) ? `${has(at - 1) ? 'L' : 'M'}${place(at)}` : '')).join('');
  const roomy = plot.step > 14;
  const dots = values.flatMap((value, at) => (has(at) && (roomy || (!has(at - 1) && !has(at + 1)))
    ? [draw('circle', { class: `dot ${name}`, cx: plot.x(at + 0.5), cy: plot.y(value), r: 2.5 })] : []));
  return draw('g', {}, draw('path', { class: `line ${name}`, d }), ...dots);
}

/** Return a dashed line at a value, named at its right end; nothing where it lies beyond the frame. */
export function drawThreshold(plot, value, most, name, text) {
  if (!(value <= most)) return null;
  return draw('g', { class: `threshold ${name}` },
    draw('line', { x1: plot.left, x2: plot.right, y1: plot.y(value), y2: plot.y(value) }),
    draw('text', { x: plot.right, y: plot.y(value) - 4, 'text-anchor': 'end' }, text));
}

/** Return an SVG of a size, out of sight of screen readers: what stands beside it says the same in words. */
export function drawing(width, height, ...children) {
  return draw('svg', { class: 'drawing', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true', focusable: 'false' }, ...children);
}

const paints = new WeakMap();

/** Return a box of a height that `paint(width)` fills, and fills anew when the box gets another width, or on paper. */
export function fitted(height, paint, attributes = {}) {
  const box = make('div', { ...attributes, class: ['fitted', attributes.class].filter(Boolean).join(' ') });
  // The height is there before the drawing: nothing below moves when it comes.
  box.style.height = `${height}px`;
  let drawn = 0;
  const fit = (wished) => {
    const width = Math.round(wished ?? box.clientWidth);
    if (width < 1 || width === drawn) return;
    drawn = width;
    put(box, paint(width));
  };
  new ResizeObserver(() => fit()).observe(box);
  paints.set(box, fit);
  return box;
}

// No width of paper is known before it is printed: drawings are made for an upright page, and then put back.
addEventListener('beforeprint', () => fitAll(PAPER));
addEventListener('afterprint', () => fitAll());

function fitAll(width) {
  for (const box of document.querySelectorAll('.fitted')) paints.get(box)?.(width);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
