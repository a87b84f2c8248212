// What needs somebody: incidents, what the last look found and advised, and how far retrainings have come.

import { draw, make, sign } from './elements.js';
import { listMarks } from './dashboard_marks.js';
import { drawReport } from './dashboard_report.js';
import { drawMore } from './dashboard_table.js';
import { figure, known, moment, things } from './dashboard_words.js';

/** Return the section. */
export function drawAttention(board) {
  const closed = board.incidents.filter((incident) => incident.recovered_at);
  return [
    make('p', { class: 'lead' }, sentence(board.open, closed)),
    list([...board.open].sort(bySeverity), board.zone),
    closed.length ? drawMore('recovered', make('summary', { 'data-key': 'recovered summary' }, `Recovered: ${things(closed.length, 'incident')}`),
      () => list(closed, board.zone)) : null,
    ...drawReport(board),
    listMarks(board.axis.marks, board.zone),
  ];
}

function sentence(open, closed) {
  if (open.length) return `${things(open.length, 'incident is', 'incidents are')} open.`;
  return closed.length ? 'No incident is open. What there was has recovered.' : 'No incident is open.';
}

function bySeverity(one, other) {
  return Number(other.severity === 'critical') - Number(one.severity === 'critical');
}

function list(incidents, zone) {
  if (!incidents.length) return null;
  return make('ul', { class: 'incidents' }, ...incidents.map((incident) => drawIncident(incident, zone)));
}

function drawIncident({ key, severity, title, opened_at: opened, recovered_at: recovered, figures }, zone) {
  const critical = severity === 'critical';
  const state = recovered ? 'recovered' : critical ? 'critical' : 'warning';
  const times = recovered ? `Opened ${moment(opened, zone)}, recovered ${moment(recovered, zone)}` : `Open since ${moment(opened, zone)}`;
  return make('li', { class: `incident ${state}` },
    recovered ? sign('approve') : sign(critical ? 'decline' : 'refer'),
    make('div', {},
      make('p', {}, make('span', { class: 'state' }, state), ' ', make('b', {}, title)),
      make('p', { class: 'remark' }, times, ' · ', make('code', {}, key)),
      drawFacts(figures)));
}

/** Return figures of any kind with their names; what is nested is left to the JSON. */
export function drawFacts(figures) {
  const facts = Object.entries(figures ?? {}).filter(([, value]) => value !== null && typeof value !== 'object');
  if (!facts.length) return null;
  return make('dl', { class: 'facts' }, ...facts.map(([name, value]) =>
    make('div', {}, make('dt', {}, name.replaceAll('_', ' ')), make('dd', {}, known(value) ? figure(value) : String(value)))));
}
