// What weighs in, and what would change the decision.

import { make, measure, sign } from './elements.js';
import { valueText, withUnit } from './fields.js';
import { factor, percent, say } from './texts.js';

const FIRST = 6;
// Of what moves the odds much less than the strongest input, the list can wait.
const LEAST_SHARE = 0.04;
// A factor that is written × 1.00 moves nothing.
const UNSEEN = 0.005;

/** Return the explanation of a decision; `tryValue(alternative)` puts one into the form. */
export function drawExplanation(explanation, form, policy, tryValue) {
  const inputs = { fields: new Map(form.items.map((item) => [item.name, item])), derived: form.derived };
  return make('div', {}, ...changes(explanation, inputs, policy, tryValue), ...weights(explanation, inputs));
}

function nameOf({ fields, derived }, feature) {
  return fields.get(feature)?.label ?? derived.get(feature) ?? feature;
}

function changes(explanation, inputs, policy, tryValue) {
  if (explanation.decision === 'approve') return [];
  const title = make('h3', {}, say('changes'));
  if (!explanation.alternatives.length) return [title, make('p', { class: 'remark' }, say('changes_none'))];
  const items = explanation.alternatives.map((item) => change(item, inputs, explanation, policy, tryValue));
  return [title, make('p', { class: 'remark' }, say('changes_about')), make('ul', { class: 'changes' }, ...items)];
}

function change(alternative, inputs, explanation, policy, tryValue) {
  const field = inputs.fields.get(alternative.feature);
  const label = nameOf(inputs, alternative.feature);
  const now = explanation.contributions.find((item) => item.feature === alternative.feature)?.value;
  const value = withUnit(field, alternative.value, valueText(field, alternative.value));
  const named = say('try_named', { field: label, value });
  const button = make('button', { type: 'button', class: 'quiet', 'aria-label': named }, say('try'));
  button.addEventListener('click', () => tryValue(alternative));
  const chance = percent(alternative.probability, [policy.refer_from, policy.decline_from]);
  return make('li', {},
    make('p', { class: 'change-field' }, label),
    make('p', { class: 'change-value' },
      now === undefined ? null : make('s', {}, valueText(field, now)),
      make('span', { class: 'arrow', 'aria-label': say('to') }, ' → '), make('b', {}, value)),
    make('p', { class: 'change-gives' },
      sign(alternative.decision), make('b', {}, say(alternative.decision)), ` ${chance}`),
    field ? button : null);
}

function weights({ contributions, probability, typical_log_odds: typical, log_odds: own, rule }, inputs) {
  const sorted = [...contributions].sort((one, other) => Math.abs(other.contribution) - Math.abs(one.contribution));
  const largest = Math.max(...sorted.map((item) => Math.abs(item.contribution)), 1e-9);
  const strong = sorted.filter((item) => Math.abs(item.contribution) >= LEAST_SHARE * largest).length;
  const first = Math.min(Math.max(strong, 1), FIRST);
  const rows = sorted.map((item) => weight(item, inputs, largest));
  return [
    make('h3', {}, say('weights')),
    make('p', { class: 'remark' }, say('weights_about')),
    make('ol', { class: 'weights' }, ...rows.slice(0, first)),
    rest(rows.slice(first)),
    drawSum(typical, own, probability),
    ruleOf(rule),
  ];
}

/** The typical record's probability, what all factors make together, and this record's. */
function drawSum(typical, own, probability) {
  const steps = [
    ['sum_typical', percent(1 / (1 + Math.exp(-typical)))],
    ['sum_factors', factor(own - typical)],
    ['sum_record', percent(probability)],
  ];
  return make('dl', { class: 'sum' }, ...steps.map(([key, value]) =>
    make('div', {}, make('dt', {}, say(key)), make('dd', {}, value))));
}

function ruleOf(rule) {
  if (!rule) return null;
  const summary = make('summary', {}, say('weights_rule'));
  return make('details', { class: 'rest' }, summary, make('p', { class: 'remark' }, rule));
}

function rest(rows) {
  if (!rows.length) return null;
  return make('details', { class: 'rest' }, make('summary', {}, say('weights_rest', { count: rows.length })),
    make('ol', { class: 'weights' }, ...rows));
}

function weight(item, inputs, largest) {
  const field = inputs.fields.get(item.feature);
  const direction = directionOf(item.contribution);
  const typical = say('typical', { value: valueText(field, item.typical, true) });
  const bar = measure(make('span', { class: `weight-bar ${direction ?? ''}` }), 'share',
    Math.abs(item.contribution) / largest);
  return make('li', {},
    make('span', { class: 'weight-name' }, nameOf(inputs, item.feature)),
    make('span', { class: 'weight-factor' }, factor(item.contribution),
      direction && make('span', { class: 'heard' }, ` ${say(direction)}`)),
    make('span', { class: 'weight-values' },
      `${valueText(field, item.value)} · ${withUnit(field, item.typical, typical)}`),
    make('span', { class: 'weight-track', 'aria-hidden': 'true' }, bar));
}

function directionOf(contribution) {
  if (Math.abs(contribution) < UNSEEN) return null;
  return contribution > 0 ? 'raises' : 'lowers';
}
