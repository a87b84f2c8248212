// Models side by side: what each decided in the period and what became of it, and how the shadow compares.

import { make, measure } from './elements.js';
import { drawLegend } from './dashboard_days.js';
import { drawTable } from './dashboard_table.js';
import { count, figure, known, moment, part, share, things } from './dashboard_words.js';

const NAMES = [['approve', 'approved'], ['refer', 'referred'], ['decline', 'declined']];
const HEADS = ['Model and policy', 'First and last decision', 'Decisions', 'Approved, referred, declined', 'Mean probability', 'Outcomes told',
  'Bad so far', 'Brier so far'];

/** Return the section. */
export function drawModels(board) {
  const { models, shadow } = board;
  return [
    make('p', { class: 'lead' }, sentence(models)),
    models.length ? drawLegend(NAMES) : null,
    models.length ? drawTable('What each model decided', HEADS, models.map((model) => row(model, board.zone))) : null,
    make('h3', {}, 'Shadow'),
    ...drawShadow(shadow),
  ];
}

function sentence(models) {
  if (!models.length) return 'No model has decided in this period.';
  const names = new Set(models.map(({ model }) => model));
  const policies = new Set(models.map(({ policy }) => policy));
  return `${things(names.size, 'model')} under ${things(policies.size, 'policy', 'policies')} decided in this period.`
    + (models.length > 1 ? ' Outcomes of different weeks are not alike: compare models on the same people, as the shadow or a retraining does.' : '')
    + ' Bad and Brier are of all that was told so far, matured or not.';
}

function row(model, zone) {
  const name = make('span', { class: 'names' }, make('code', {}, model.model), make('span', {}, 'policy ', make('code', {}, model.policy)));
  return [name, `${moment(model.first, zone)} to ${moment(model.last, zone)}`, count(model.decisions), mix(model), share(model.mean_probability),
    count(model.told), known(part(model.bad, model.told)) ? `${count(model.bad)} (${share(model.bad / model.told)})` : 'none told',
    known(model.brier) ? figure(model.brier) : 'too few'];
}

function mix(model) {
  const bars = NAMES.map(([name]) => measure(make('span', { class: `mix-part ${name}` }), 'share', part(model[name], model.decisions) ?? 0));
  const words = NAMES.map(([name]) => share(part(model[name], model.decisions))).join(' · ');
  return make('span', { class: 'mix' }, make('span', { class: 'mix-bar', 'aria-hidden': 'true' }, ...bars), make('span', {}, words));
}

function drawShadow(shadow) {
  if (!shadow.length) {
    return [make('p', { class: 'remark' }, 'No challenger ran beside the champion in this period. AVAL_SHADOW names one.')];
  }
  return [
    ...shadow.map((one) => make('p', {}, `${one.model} would have decided ${share(part(one.same, one.decisions))} of ${
      things(one.decisions, 'record')} the same; its probabilities were ${difference(one.mean_difference)}.`)),
    drawTable('The shadow beside the champion', ['Challenger', 'Records', 'Same decision', 'Mean difference of the probability'],
      shadow.map((one) => [make('code', {}, one.model), count(one.decisions), share(part(one.same, one.decisions)), points(one.mean_difference)])),
  ];
}

function difference(value) {
  if (!known(value)) return 'not compared';
  if (Math.abs(value) < 5e-5) return 'the same on average';
  return `${figure(Math.abs(value) * 100)} percentage points ${value > 0 ? 'higher' : 'lower'} on average`;
}

function points(value) {
  return known(value) ? `${value > 0 ? '+' : ''}${figure(value * 100)} points` : 'none';
}
