// How the service itself does: requests, errors and times.

import { make } from './elements.js';
import { count, known, milliseconds, part, share, things } from './dashboard_words.js';

/** Return the section. */
export function drawTraffic({ traffic }) {
  return [make('p', { class: 'lead' }, sentence(traffic)), drawTiles([
    ['Requests', count(traffic.requests)],
    ['Server errors', known(traffic.errors) ? `${count(traffic.errors)} (${share(part(traffic.errors, traffic.requests) ?? 0)})` : count(null)],
    ['Half are faster than', milliseconds(traffic.p50_ms)],
    ['99 of 100 are faster than', milliseconds(traffic.p99_ms)],
  ]), make('p', { class: 'remark' }, 'Since this service was started. Prometheus, Grafana and CloudWatch keep the history: see infra/grafana and infra/cloudwatch.')];
}

/** Return figures with their names. */
export function drawTiles(tiles) {
  return make('dl', { class: 'tiles' }, ...tiles.map(([name, value, remark]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, value), remark ? make('dd', { class: 'remark' }, remark) : null)));
}

function sentence({ requests, errors, p50_ms: half, p99_ms: most }) {
  if (!requests) return 'The service has answered no request since its start.';
  const times = known(half) && known(most) ? ` Half took less than ${milliseconds(half)}, 99 of 100 less than ${milliseconds(most)}.` : '';
  return `${things(requests, 'request')} answered, ${errors ? things(errors, 'server error') : 'no server error'}.${times}`;
}
