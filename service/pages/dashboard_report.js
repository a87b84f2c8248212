// What `aval drift` found at its last look and what it advises, and how far retrainings have come.

import { make } from './elements.js';
import { count, known, moment, things } from './dashboard_words.js';

const ADVICE = {
  wait: 'Wait: nothing is to be done to the model now.',
  recalibrate: 'Recalibrate: the ranking holds, the probabilities do not.',
  retrain: 'Retrain: the relations have changed.',
  person: 'A person should look: the evidence does not decide.',
};

/** Return the last look and the retrainings. */
export function drawReport({ report, retraining, zone, use_case: useCase }) {
  return [
    make('h3', {}, 'Advice'),
    ...(report ? advice(report, zone) : [make('p', { class: 'remark' }, 'Nobody has looked yet: ', make('code', {}, `aval drift ${useCase}`),
      ' compares the last days with what came before, and advises.')]),
    ...steps(retraining, zone),
  ];
}

function advice(report, zone) {
  const { action, reasons } = adviceOf(report);
  const words = Object.hasOwn(ADVICE, action) ? ADVICE[action] : action ? `Advice: ${action}.` : 'The last look came without advice.';
  return [
    make('p', { class: 'advice' }, make('b', {}, words)),
    reasons.length ? make('ul', { class: 'reasons' }, ...reasons.map((reason) => make('li', {}, reason))) : null,
    make('p', { class: 'remark' }, lookOf(report, zone)),
  ].filter(Boolean);
}

function lookOf({ at, status, needed, analysis }, zone) {
  const records = known(analysis?.records) ? ` at ${things(analysis.records, 'decision')}` : '';
  const found = { found: 'something was found', ok: 'nothing was found', 'not enough': `not enough: ${count(needed)} are needed` }[status];
  return `By the look of ${moment(at, zone)}${records}${found ? `: ${found}` : ''}.`;
}

function steps(retraining, zone) {
  if (!retraining.length) return [];
  const items = retraining.map((step) => make('li', {},
    make('span', { class: 'when' }, moment(step.at, zone)), make('b', {}, String(step.step ?? '')), make('span', {}, String(step.text ?? ''))));
  return [make('h3', {}, 'Retraining'), make('ol', { class: 'steps' }, ...items)];
}

function adviceOf({ advice: given }) {
  const reasons = [given?.because ?? []].flat().map(String);
  return { action: String(given?.action ?? ''), reasons };
}
