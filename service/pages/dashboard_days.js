// Charts over days or weeks: one can point at a day, or go through the days with the arrow keys, and read it in words.

import { draw, make, put } from './elements.js';
import { drawMarks } from './dashboard_marks.js';
import { drawing, drawLevels, fitted, frame, ticks } from './dashboard_plot.js';
import { month, shortDay } from './dashboard_words.js';

const HEIGHT = 190;
const ROOM_FOR_DAY = 46;
const ROOM_FOR_MONTH = 62;
const STEPS = [1, 2, 3, 4, 5, 7, 14, 21, 28, 42, 56, 91, 182, 364];
const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7, Home: -Infinity, End: Infinity };

/**
 * Return a chart over dates.
 *
 * label: what it shows. axis: `dates` and the `marks` placed on them. most: the largest value there is.
 * format: how values at the axis are written; whole: they are counts. paint(plot, top): what is drawn, `top` being
 * the value at the upper edge. read(at): a date in words. legend: names of what is drawn, or null.
 */
export function drawDays({ label, axis, most, format, whole = false, paint, read, legend = null, height = HEIGHT }) {
  const values = ticks(most, whole);
  const last = axis.dates.length - 1;
  let at = last;
  let plot = null;
  const needle = draw('line', { class: 'needle' });
  const readout = make('p', { class: 'readout', 'aria-hidden': 'true' });
  const box = fitted(height, (width) => {
    plot = frame(width, height, axis.dates.length, values.at(-1));
    place();
    return drawing(width, height, ...drawLevels(plot, values, format), ...drawDates(plot, axis.dates),
      ...paint(plot, values.at(-1)), ...drawMarks(plot, axis.marks), needle);
  }, { class: 'days', role: 'slider', tabindex: '0', 'aria-label': `${label}. Arrow keys choose a date`,
    'aria-valuemin': '0', 'aria-valuemax': String(Math.max(last, 0)) });

  function place() {
    for (const [name, value] of Object.entries({ x1: plot.x(at + 0.5), x2: plot.x(at + 0.5), y1: plot.top, y2: plot.bottom })) {
      needle.setAttribute(name, value);
    }
  }

  function choose(wished) {
    at = Math.min(Math.max(wished, 0), Math.max(last, 0));
    const words = last < 0 ? 'No dates' : read(at);
    box.setAttribute('aria-valuenow', String(at));
    box.setAttribute('aria-valuetext', words);
    put(readout, words);
    if (plot) place();
  }

  box.addEventListener('pointermove', (event) => {
    if (plot) choose(Math.floor((event.clientX - box.getBoundingClientRect().left - plot.left) / plot.step));
  });
  box.addEventListener('keydown', (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    choose(at + KEYS[event.key]);
  });
  choose(last);
  return make('figure', { class: 'chart' }, make('figcaption', {}, make('b', {}, label), legend), box, readout);
}

/** Return what stands in a chart's place where there is nothing to draw. */
export function drawMissing(label, why) {
  return make('figure', { class: 'chart' }, make('figcaption', {}, make('b', {}, label)), make('p', { class: 'missing' }, why));
}

/** Return a legend: pairs of a kind of drawing and its name. */
export function drawLegend(pairs) {
  return make('span', { class: 'legend' }, ...pairs.map(([kind, name]) =>
    make('span', {}, make('span', { class: `swatch ${kind}` }), name)));
}

function drawDates(plot, dates) {
  const long = Date.parse(dates.at(-1)) - Date.parse(dates[0]) > 300 * 864e5;
  const room = long ? ROOM_FOR_MONTH : ROOM_FOR_DAY;
  const most = Math.max(1, Math.floor((plot.right - plot.left) / room));
  const every = STEPS.find((step) => dates.length / step <= most) ?? dates.length;
  const wide = plot.step > room / 2;
  return dates.flatMap((date, at) => {
    // A label near the right edge would be cut off.
    const x = plot.x(at + (wide ? 0.5 : 0));
    if (at % every || x > plot.right - room / 2 + 4) return [];
    return [draw('line', { class: 'grid', x1: x, x2: x, y1: plot.bottom, y2: plot.bottom + 4 }),
      draw('text', { class: 'tick', x, y: plot.height - 5, 'text-anchor': 'middle' }, long ? month(date) : shortDay(date))];
  });
}
