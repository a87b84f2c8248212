// An index of drift (PSI, CSI) in pictures and words: its line over days with its thresholds, and its level.

import { draw, make, sign } from './elements.js';
import { levelOf } from './dashboard_board.js';
import { drawDays, drawMissing } from './dashboard_days.js';
import { drawLine, drawThreshold } from './dashboard_plot.js';
import { day, figure, index, known, things } from './dashboard_words.js';

// An axis that one wild day has stretched would hide the thresholds.
const LARGEST = 1;
const WORDS = { ok: 'stable', warn: 'moved', alarm: 'drifted', few: 'too few' };
const SIGNS = { ok: 'approve', warn: 'refer', alarm: 'decline' };

/** Return a level in one word. */
export function levelWord(level) {
  return WORDS[level] ?? WORDS.few;
}

/** Return a level as a sign with its word. */
export function drawLevel(level) {
  const picture = Object.hasOwn(SIGNS, level) ? sign(SIGNS[level])
    : draw('svg', { class: 'sign few', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
      draw('circle', { cx: 12, cy: 12, r: 10, 'stroke-dasharray': '3 4' }));
  return make('span', { class: `level ${Object.hasOwn(WORDS, level) ? level : 'few'}` }, picture, ' ', levelWord(level));
}

/** Return the chart of an index over days. */
export function drawIndex(label, values, { axis, thresholds, decided }) {
  if (!values.some(known)) return drawMissing(label, 'No day had enough decisions for chance not to look like drift.');
  const { warn, alarm } = thresholds;
  const largest = Math.max(alarm * 1.3, ...values.filter(known));
  return drawDays({
    label, axis, most: Math.min(largest, LARGEST), format: figure,
    paint: (plot, top) => [
      drawLine(plot, values, 'plain'),
      drawThreshold(plot, warn, top, 'warn', `moved from ${figure(warn)}`),
      drawThreshold(plot, alarm, top, 'alarm', `drifted from ${figure(alarm)}`),
    ].filter(Boolean),
    read: (at) => `${day(axis.dates[at])}: ${!known(values[at])
      ? `too few decisions (${decided[at]})`
      : `${index(values[at])}, ${levelWord(levelOf(values[at], thresholds))}`}`,
  });
}

/** Return how many days were too few to be judged, null where all were judged; `days`: an index or null for each. */
export function fewRemark(days, { decided }) {
  const busy = decided.filter((number) => number > 0).length;
  const open = days.filter((value, at) => decided[at] > 0 && !known(value)).length;
  if (!open) return null;
  return make('p', { class: 'remark' }, `${open} of ${things(busy, 'day')} had too few decisions for chance not to look like drift, `
    + 'and are left open. The figure of the period takes its days together.');
}
