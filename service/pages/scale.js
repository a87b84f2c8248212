// The scale of probabilities, with the policy's cut-offs. Its positions are square roots: what matters is often low.

import { make, measure, sign } from './elements.js';
import { percent, say } from './texts.js';

const TICKS = [0, 0.01, 0.05, 0.25, 0.5, 1];
// Labels of the two cut-offs stand on outer sides of their lines; nearer to an edge there is no room for one.
const EDGE = 0.14;

/** Return the bands of a policy that hold any probability: each a decision with its ends. */
export function bandsOf(policy) {
  const ends = [0, policy.refer_from, policy.decline_from, 1];
  return ['approve', 'refer', 'decline']
    .map((decision, at) => ({ decision, from: ends[at], to: ends[at + 1] }))
    // A probability equal to a cut-off takes the stricter side: from 1 on there is still 1 itself.
    .filter(({ decision, from, to }) => from < to || decision === 'decline');
}

/** Return the scale with its legend; without a probability it shows the policy alone. */
export function drawScale(policy, probability = null) {
  const bands = bandsOf(policy);
  const bar = make('div', { class: 'scale-bar' }, ...bands.map(({ decision, from, to }) =>
    place(make('span', { class: `band ${decision}` }), from, to)));
  if (probability !== null) bar.append(place(make('span', { class: 'needle' }), probability));
  const picture = make('div', { class: 'scale', role: 'img', 'aria-label': spoken(bands, policy, probability) },
    make('div', { class: 'cut-offs' }, ...cutOffs(policy)), bar,
    make('div', { class: 'ticks' }, ...TICKS.map((tick) => place(make('span', {}, percent(tick)), tick))));
  const legend = make('ul', { class: 'legend' }, ...bands.map((band) =>
    make('li', {}, sign(band.decision), make('b', {}, say(band.decision)), ' ', bandText(band, policy))));
  return make('div', {}, picture, legend);
}

function place(element, from, to = from) {
  measure(element, 'from', Math.sqrt(from));
  return measure(element, 'to', Math.sqrt(to));
}

function cutOffs({ refer_from: refer, decline_from: decline }) {
  if (refer === decline) return [mark(decline, decline > 0.5 ? 'left' : 'right', [])];
  return [
    Math.sqrt(refer) > EDGE ? mark(refer, 'left', [decline]) : null,
    Math.sqrt(decline) < 1 - EDGE ? mark(decline, 'right', [refer]) : null,
  ].filter(Boolean);
}

function mark(cutOff, side, others) {
  return place(make('span', { class: `cut-off ${side}` }, percent(cutOff, others)), cutOff);
}

function bandText({ decision, from, to }, policy) {
  const ends = [policy.refer_from, policy.decline_from];
  const key = decision === 'decline' ? 'band_from' : from === 0 ? 'band_below' : 'band_between';
  return say(key, { from: percent(from, ends), to: percent(to, ends) });
}

function spoken(bands, policy, probability) {
  const parts = bands.map((band) => `${say(band.decision)} ${bandText(band, policy)}`);
  const ends = [policy.refer_from, policy.decline_from];
  return [say('scale'), probability === null ? null : percent(probability, ends), ...parts].filter(Boolean).join('. ');
}
