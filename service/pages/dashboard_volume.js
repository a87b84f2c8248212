// How much was decided and how: decisions by day, the share approved, and the records that were refused.

import { make } from './elements.js';
import { drawDays, drawLegend } from './dashboard_days.js';
import { drawBars, drawLine } from './dashboard_plot.js';
import { drawFigures } from './dashboard_table.js';
import { compact, count, day, part, share, sum, things } from './dashboard_words.js';

const NAMES = [['approve', 'approved'], ['refer', 'referred'], ['decline', 'declined']];
const FILLS = { refer: 'url(#stripes)' };

/** Return the section. */
export function drawVolume(board) {
  return [
    make('p', { class: 'lead' }, sentence(board)),
    make('div', { class: 'pair' }, mix(board), approvals(board), refusals(board), batches(board)),
    drawFigures('volume', 'Decisions by day', ['Day', 'Approved', 'Referred', 'Declined', 'Share approved', 'Refused', 'In batch'],
      () => board.days.map((date, at) => [day(date), ...NAMES.map(([name]) => count(board.volume[name][at])),
        share(approvedShare(board, at)), count(board.volume.refused[at]), count(board.volume.batch[at])])),
  ];
}

function sentence(board) {
  const { volume, decisions, refusals: refused, days } = board;
  const span = `From ${day(days[0])} to ${day(days.at(-1))}`;
  const shares = NAMES.map(([name, word]) => `${share(part(sum(volume[name]), decisions))} ${word}`);
  const batch = sum(volume.batch);
  return [
    `${span} the service made ${things(decisions, 'decision')}${batch ? `, ${count(batch)} of them in batch runs` : ''}.`,
    decisions ? `${shares[0]}, ${shares[1]} and ${shares[2]}.` : '',
    refused ? `${things(refused, 'record')} could not be scored and ${refused === 1 ? 'was' : 'were'} refused or quarantined: ${
      share(part(refused, decisions + refused))} of all.` : 'No record was refused.',
  ].filter(Boolean).join(' ');
}

function mix(board) {
  const { volume, axis, decided } = board;
  return drawDays({
    label: 'Decisions by day', axis, most: Math.max(...decided), format: compact, whole: true,
    legend: drawLegend(NAMES),
    paint: (plot) => stacked(plot, volume),
    read: (at) => `${day(axis.dates[at])}: ${things(decided[at], 'decision')}${decided[at]
      ? ` – ${NAMES.map(([name, word]) => `${count(volume[name][at])} ${word}`).join(', ')}` : ''}`,
  });
}

function stacked(plot, volume) {
  const low = volume.approve.map(() => 0);
  const room = plot.step > 5 ? 0.1 : 0;
  return NAMES.map(([name]) => {
    const bars = volume[name].map((value, at) => [at + room, at + 1 - room, low[at], (low[at] += value)]);
    return drawBars(plot, bars, { class: `bar ${name}`, fill: FILLS[name] });
  });
}

function approvals(board) {
  const { axis } = board;
  const shares = axis.dates.map((_, at) => approvedShare(board, at));
  return drawDays({
    label: 'Share approved', axis, most: 1, format: whole,
    paint: (plot) => [drawLine(plot, shares, 'approve')],
    read: (at) => `${day(axis.dates[at])}: ${shares[at] === null ? 'no decision' : `${share(shares[at])} approved`}`,
  });
}

function refusals(board) {
  const { axis, decided, volume: { refused } } = board;
  if (!sum(refused)) return null;
  return drawDays({
    label: 'Records refused or quarantined', axis, most: Math.max(...refused), format: compact, whole: true, height: 130,
    paint: (plot) => [drawBars(plot, refused.map((value, at) => [at + 0.1, at + 0.9, 0, value]), { class: 'bar refused' })],
    read: (at) => `${day(axis.dates[at])}: ${count(refused[at])} refused, ${share(part(refused[at], refused[at] + decided[at]) ?? 0)} of all`,
  });
}

function batches(board) {
  const { axis, volume: { batch } } = board;
  if (!sum(batch)) return null;
  return drawDays({
    label: 'Decisions in batch runs', axis, most: Math.max(...batch), format: compact, whole: true, height: 130,
    paint: (plot) => [drawBars(plot, batch.map((value, at) => [at + 0.1, at + 0.9, 0, value]), { class: 'bar plain' })],
    read: (at) => `${day(axis.dates[at])}: ${things(batch[at], 'decision')} in batch runs`,
  });
}

function approvedShare({ volume, decided }, at) {
  return part(volume.approve[at], decided[at]);
}

function whole(value) {
  return `${Math.round(value * 100)}%`;
}
