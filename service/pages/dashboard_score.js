// The score: its distribution in the period against the reference, and its PSI day by day, told and not judged.

import { draw, make } from './elements.js';
import { drawDays, drawLegend, drawMissing } from './dashboard_days.js';
import { fewRemark } from './dashboard_drift.js';
import { drawBars, drawing, drawLevels, drawLine, fitted, frame, ticks } from './dashboard_plot.js';
import { drawFigures } from './dashboard_table.js';
import { day, figure, index, known, part, share, sum } from './dashboard_words.js';

const HEIGHT = 210;
const ROOM_FOR_BORDER = 46;
// An axis this high at least: small moves are not to look like large ones.
const LEAST_AXIS = 0.3;

/** Return the section. */
export function drawScore(board) {
  const { score } = board;
  const names = rangeNames(score.borders, score.reference.length);
  const shares = { reference: sharesOf(score.reference), analysis: sharesOf(score.analysis) };
  return [
    make('p', { class: 'lead' }, sentence(score)),
    make('p', { class: 'remark' }, 'Only decisions of the model that is served now are counted here. ', make('code', {}, `aval drift ${board.use_case}`),
      ' judges the score, against the days before, where there are enough.'),
    make('div', { class: 'pair' }, distribution(score, shares), byDay(score, board)),
    fewRemark(score.psi, board),
    drawFigures('score', 'Distribution of the score', ['Probability of bad', 'Reference', 'This period', 'Decisions'],
      () => names.map((name, at) => [name, share(shares.reference[at]), share(shares.analysis[at]), String(score.analysis[at] ?? 0)])),
  ];
}

function sentence({ window_psi: psi }) {
  if (!known(psi)) return 'The model that is served has made too few decisions for a PSI of its score.';
  return `PSI of the period against the model's profile: ${index(psi)}. It is told, not judged: the profile holds the scores of another fit `
    + 'by the same procedure, so they differ also where nothing has changed.';
}

function byDay({ psi }, { axis }) {
  const label = 'PSI of the score by day';
  if (!psi.some(known)) return drawMissing(label, 'No day had enough decisions of this model for chance not to look like a change.');
  return drawDays({
    label, axis, most: Math.max(LEAST_AXIS, ...psi.filter(known)), format: figure,
    paint: (plot) => [drawLine(plot, psi, 'plain')],
    read: (at) => `${day(axis.dates[at])}: ${known(psi[at]) ? index(psi[at]) : 'too few decisions of this model'}`,
  });
}

function distribution(score, shares) {
  const most = Math.max(...shares.reference, ...shares.analysis, 0.001);
  const values = ticks(most);
  const legend = drawLegend([['analysis', 'this period'], ['reference', 'reference']]);
  const box = fitted(HEIGHT, (width) => {
    const plot = frame(width, HEIGHT, shares.reference.length, values.at(-1));
    return drawing(width, HEIGHT, ...drawLevels(plot, values, (value) => share(value).replace('.0%', '%')),
      drawBars(plot, shares.analysis.map((value, at) => [at + 0.08, at + 0.92, 0, value]), { class: 'bar analysis' }),
      draw('path', { class: 'outline', d: outline(plot, shares.reference) }), ...borderLabels(plot, score.borders));
  });
  return make('figure', { class: 'chart' }, make('figcaption', {}, make('b', {}, 'Share of decisions by probability of bad'), legend),
    box, isEven(score.borders) ? null : make('p', { class: 'readout' }, 'The ranges are drawn equally wide, whatever they span.'));
}

function isEven(borders) {
  const steps = borders.slice(1).map((border, at) => border - borders[at]);
  return Math.max(...steps) - Math.min(...steps) < 1e-9;
}

function outline(plot, shares) {
  return shares.map((value, at) => `${at ? 'L' : 'M'}${plot.x(at)} ${plot.y(value)}H${plot.x(at + 1)}`).join('');
}

function borderLabels(plot, borders) {
  const every = Math.max(1, Math.ceil(ROOM_FOR_BORDER / plot.step));
  return borders.flatMap((border, at) => ((at + 1) % every || plot.x(at + 1) > plot.right - ROOM_FOR_BORDER / 2 ? []
    : [draw('line', { class: 'grid', x1: plot.x(at + 1), x2: plot.x(at + 1), y1: plot.bottom, y2: plot.bottom + 4 }),
      draw('text', { class: 'tick', x: plot.x(at + 1), y: plot.height - 5, 'text-anchor': 'middle' }, share(border))]));
}

function rangeNames(borders, groups) {
  return Array.from({ length: groups }, (_, at) => {
    if (!borders.length) return 'any';
    if (at === 0) return `below ${share(borders[0])}`;
    return at < borders.length ? `${share(borders[at - 1])} to ${share(borders[at])}` : `from ${share(borders.at(-1))}`;
  });
}

function sharesOf(counts) {
  const all = sum(counts);
  return counts.map((value) => part(value, all) ?? 0);
}
