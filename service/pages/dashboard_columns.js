// Drift by column: one strip of days for each, what drifts most first, with everything about a column behind it.

import { draw, make, measure } from './elements.js';
import { levelOf } from './dashboard_board.js';
import { drawDays, drawLegend, drawMissing } from './dashboard_days.js';
import { drawIndex, drawLevel, fewRemark } from './dashboard_drift.js';
import { drawLine } from './dashboard_plot.js';
import { drawFigures, drawMore } from './dashboard_table.js';
import { day, figure, index, known, listed, shortDay, share, things } from './dashboard_words.js';

const ORDER = ['alarm', 'warn', 'ok', 'few'];
// Heights in a strip: what has drifted stands out without its colour too.
const HEIGHTS = { ok: 6, few: 6, warn: 14, alarm: 24 };
const STRIP = 24;

/** Return the section. */
export function drawColumns(board) {
  const columns = [...board.columns].sort(byDrift);
  if (!columns.length) return [make('p', { class: 'lead' }, 'This model has no inputs that are watched.')];
  return [
    make('p', { class: 'lead' }, sentence(columns, board.thresholds)),
    drawLegend(ORDER.map((level) => [`level-${level}`, legendText(level, board.thresholds)])),
    make('p', { class: 'remark' }, 'The reference is what the model was made with. ', make('code', {}, 'aval drift'),
      ' compares with the days before, where there are enough: its figures differ.'),
    make('ol', { class: 'columns' }, columnsHead(board), ...columns.map((column) => row(column, board))),
    fewRemark(board.days.map((_, at) => columns.map((column) => column.csi[at]).find(known)), board),
    drawFigures('columns', 'Drift by column', ['Column', 'State', 'CSI of the period', 'Days above the upper limit', 'Share of nulls on the last day'],
      () => columns.map((column) => [column.name, drawLevel(column.status), index(column.window_csi),
        String(column.csi.filter((value) => value >= board.thresholds.alarm).length), share(column.nulls.findLast(known))])),
  ];
}

function byDrift(one, other) {
  const places = ORDER.indexOf(one.status) - ORDER.indexOf(other.status);
  return places || (other.window_csi ?? -1) - (one.window_csi ?? -1) || (one.name < other.name ? -1 : 1);
}

function sentence(columns, { warn, alarm }) {
  const names = (status) => columns.filter((column) => column.status === status).map((column) => column.name);
  const [drifted, moved, few] = [names('alarm'), names('warn'), names('few')];
  return [
    drifted.length ? `${drifted.length} of ${things(columns.length, 'input')} drifted (CSI of ${figure(alarm)} or more): ${listed(drifted)}.`
      : `None of ${things(columns.length, 'input')} drifted to a CSI of ${figure(alarm)} or more.`,
    moved.length ? `${moved.length} moved (${figure(warn)} to ${figure(alarm)}): ${listed(moved)}.` : '',
    few.length ? `${few.length === columns.length ? 'All' : few.length} had too few decisions to tell.` : '',
  ].filter(Boolean).join(' ');
}

function legendText(level, { warn, alarm }) {
  return { alarm: `drifted: ${figure(alarm)} or more`, warn: `moved: ${figure(warn)} or more`, ok: `stable: below ${figure(warn)}`,
    few: 'too few decisions' }[level];
}

function columnsHead({ days }) {
  return make('li', { class: 'columns-head', 'aria-hidden': 'true' }, make('span', {}, 'Column'), make('span', {}, 'Period'),
    make('span', { class: 'span' }, make('span', {}, shortDay(days[0])), make('span', {}, shortDay(days.at(-1)))), make('span', {}, 'CSI'));
}

function row(column, board) {
  const key = `column ${column.name}`;
  const summary = make('summary', { 'data-key': `${key} summary` },
    make('span', { class: 'column-name' }, column.name), drawLevel(column.status),
    strip(column, board), make('span', { class: 'column-index' }, make('span', { class: 'heard' }, 'CSI '), index(column.window_csi)));
  return make('li', {}, drawMore(key, summary, () => about(column, board), { class: 'column' }));
}

/** The days as runs of one level: few elements, however many days there are. */
function strip({ csi }, { thresholds }) {
  const runs = [];
  for (const [at, value] of csi.entries()) {
    const level = levelOf(value, thresholds);
    if (runs.at(-1)?.level === level) runs.at(-1).to = at + 1;
    else runs.push({ level, from: at, to: at + 1 });
  }
  return draw('svg', { class: 'strip', viewBox: `0 0 ${csi.length || 1} ${STRIP}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    ...runs.map(({ level, from, to }) => draw('rect', { class: `run ${level}`, x: from, width: to - from, y: STRIP - HEIGHTS[level], height: HEIGHTS[level] })));
}

function about(column, board) {
  return make('div', { class: 'column-about' },
    column.description ? make('p', { class: 'remark' }, column.description) : null,
    make('div', { class: 'pair' },
      drawIndex(`CSI of ${column.name} by day`, column.csi, board), nulls(column, board), distribution(column)));
}

function nulls({ name, nulls: shares }, { axis }) {
  const label = `Share of nulls in ${name}`;
  if (!shares.some((value) => value > 0)) return drawMissing(label, 'There were no nulls.');
  const most = Math.max(0.01, ...shares.filter(known));
  return drawDays({
    label, axis, most, format: (value) => share(value).replace('.0%', '%'),
    paint: (plot) => [drawLine(plot, shares, 'plain')],
    read: (at) => `${day(axis.dates[at])}: ${known(shares[at]) ? `${share(shares[at])} null` : 'no decision'}`,
  });
}

function distribution({ name, labels, reference, analysis }) {
  const most = Math.max(...reference.filter(known), ...analysis.filter(known), 1e-9);
  const bar = (kind, value) => make('span', { class: 'bar-row' },
    measure(make('span', { class: `share-bar ${kind}` }), 'share', (value ?? 0) / most),
    make('span', {}, make('span', { class: 'heard' }, kind === 'analysis' ? 'this period ' : 'reference '), share(value)));
  return make('figure', { class: 'chart' },
    make('figcaption', {}, make('b', {}, `Values of ${name}`), drawLegend([['analysis', 'this period'], ['reference', 'reference']])),
    make('ul', { class: 'shares' }, ...labels.map((label, at) => make('li', {},
      make('span', { class: 'share-name' }, label), bar('analysis', analysis[at]), bar('reference', reference[at])))));
}
