// How the model performs by the last look of `aval drift`: matured outcomes, all that were told, and what is expected.

import { make } from './elements.js';
import { drawTable } from './dashboard_table.js';
import { count, figure, known, moment, sentence, share } from './dashboard_words.js';

const STRETCHES = { mature: 'Matured', naive: 'All told so far', earlier: 'Matured, before', expected: 'Expected (an estimate)' };
const FIGURES = {
  bad_rate: ['Share of bad', share],
  auc: ['AUC', figure],
  brier: ['Brier', figure],
  cost_per_case: ['Cost of a case', figure],
  intercept: ['Calibration intercept (0 is right)', figure],
  slope: ['Calibration slope (1 is right)', figure],
};

/** Return the performance of a report, nothing where it holds none. */
export function drawPerformance({ report, zone }) {
  const performance = report?.performance;
  const stretches = Object.keys(STRETCHES).filter((name) => known(performance?.[name]?.rows));
  if (!stretches.length) return [];
  const rows = Object.entries(FIGURES).map(([name, [label, write]]) =>
    [label, ...stretches.map((stretch) => written(performance[stretch][name], write))]);
  return [
    make('h3', {}, 'Performance by the last look'),
    make('p', { class: 'remark' }, [`Decisions from ${moment(performance.from, zone)} to ${moment(performance.until, zone)} have matured: ${
      performance.maturity_days} days are given to their outcomes. Figures with the interval of 95%.`, performance.population?.text,
    performance.mature?.too_few].filter((text) => typeof text === 'string').map(sentence).join(' ')),
    drawTable('Performance by the last look', ['Figure', ...stretches.map((name) => STRETCHES[name])],
      [['Decisions', ...stretches.map((name) => count(performance[name].rows))], ...rows]),
  ];
}

function written(value, write) {
  if (!known(value?.value)) return 'not known';
  return `${write(value.value)} (${write(value.low)} to ${write(value.high)})`;
}
