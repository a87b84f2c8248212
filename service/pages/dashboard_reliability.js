// Calibration: for groups of like probability, how many of matured days turned out bad, with its interval.

import { draw, make } from './elements.js';
import { drawLegend, drawMissing } from './dashboard_days.js';
import { drawing, drawLevels, fitted, frame, ticks } from './dashboard_plot.js';
import { drawFigures } from './dashboard_table.js';
import { count, listed, share } from './dashboard_words.js';

const HEIGHT = 300;
const SIZE = 4.5;
const LABEL = 'Calibration: share of bad against probability';

/** Return the diagram with its table, or in its place `why` no group has an outcome. */
export function drawReliability(reliability, why) {
  const groups = reliability.filter((group) => group.n > 0);
  if (!groups.length) return [drawMissing(LABEL, why)];
  const most = Math.max(0.01, ...groups.flatMap((group) => [group.mean_probability, group.high]));
  const values = ticks(Math.min(most, 1));
  const box = fitted(HEIGHT, (width) => paint(groups, frame(width, HEIGHT, 1, values.at(-1)), values));
  const legend = drawLegend([['point-agrees', 'as expected'], ['point-higher', 'more bad'], ['point-lower', 'fewer bad'], ['diagonal', 'perfect']]);
  return [make('div', {},
    make('figure', { class: 'chart' }, make('figcaption', {}, make('b', {}, LABEL), legend), box,
      make('p', { class: 'readout' }, sentence(groups))),
    drawFigures('reliability', 'Calibration', ['Probabilities', 'Outcomes', 'Mean probability', 'Bad', 'Interval', 'Verdict'],
      () => groups.map((group) => [rangeOf(group), count(group.n), share(group.mean_probability), share(group.bad_rate),
        `${share(group.low)} to ${share(group.high)}`, VERDICTS[verdictOf(group)]])))];
}

const VERDICTS = { agrees: 'as expected', higher: 'more bad than expected', lower: 'fewer bad than expected' };

function verdictOf({ mean_probability: expected, low, high }) {
  if (expected < low) return 'higher';
  return expected > high ? 'lower' : 'agrees';
}

function sentence(groups) {
  const of = (verdict) => groups.filter((group) => verdictOf(group) === verdict).map(rangeOf);
  const [higher, lower] = [of('higher'), of('lower')];
  const agreeing = groups.length - higher.length - lower.length;
  return [
    `In ${agreeing} of ${groups.length} groups the interval of the share of bad holds the mean probability.`,
    higher.length ? `More turned out bad than expected at ${listed(higher)}.` : '',
    lower.length ? `Fewer turned out bad than expected at ${listed(lower)}.` : '',
  ].filter(Boolean).join(' ');
}

function paint(groups, plot, values) {
  const format = (value) => share(value).replace('.0%', '%');
  const most = values.at(-1);
  const x = (value) => plot.x(Math.min(value / most, 1));
  return drawing(plot.width, plot.height, ...drawLevels(plot, values, format),
    ...values.slice(1).map((value) => draw('text',
      { class: 'tick', x: x(value), y: plot.height - 5, 'text-anchor': value === most ? 'end' : 'middle' }, format(value))),
    draw('line', { class: 'diagonal', x1: plot.x(0), y1: plot.y(0), x2: plot.x(1), y2: plot.y(most) }),
    ...groups.map((group) => draw('g', { class: `point ${verdictOf(group)}` },
      draw('line', { x1: x(group.mean_probability), x2: x(group.mean_probability), y1: plot.y(group.low), y2: plot.y(group.high) }),
      shape(verdictOf(group), x(group.mean_probability), plot.y(group.bad_rate)))));
}

/** A disc, or a triangle that points to where the share of bad has gone. */
function shape(verdict, x, y) {
  if (verdict === 'agrees') return draw('circle', { cx: x, cy: y, r: SIZE });
  const way = verdict === 'higher' ? -1 : 1;
  return draw('path', { d: `M${x - SIZE - 1} ${y - way * SIZE}h${2 * SIZE + 2}L${x} ${y + way * (SIZE + 2)}Z` });
}

function rangeOf({ from, to }) {
  return `${share(from)} to ${share(to)}`;
}
