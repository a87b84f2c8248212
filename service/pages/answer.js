// The decision, and what goes into the file of the case.

import { make, put, sign } from './elements.js';
import { drawScale } from './scale.js';
import { factor, moment, percent, say } from './texts.js';

const REFERENCE = ['decision_id', 'request_id', 'model', 'policy', 'contract'];

/** Return what stands there before anything was decided: the policy's own scale. */
export function drawWaiting(policy) {
  return make('div', { class: 'waiting' },
    make('p', { class: 'waiting-title' }, say('waiting')),
    make('p', {}, say('waiting_about')),
    drawScale(policy));
}

/** Return the decision in word, sign and number, on the scale, with its reasons and, where explained, weights. */
export function drawDecision(answer, policy, explanation) {
  const cutOffs = [policy.refer_from, policy.decline_from];
  const verdict = make('div', { class: `verdict ${answer.decision}` }, sign(answer.decision),
    make('div', {},
      make('p', { class: 'word' }, say(answer.decision)), make('p', {}, say(`${answer.decision}_about`))));
  const chance = make('p', { class: 'chance' },
    make('strong', {}, percent(answer.probability, cutOffs)), ' ', say('probability'));
  return make('div', {}, verdict, chance, drawScale(policy, answer.probability), drawReasons(answer, explanation));
}

/** Return the ids and versions of a decision, each to be copied. */
export function drawReference(answer, when) {
  const rows = [...REFERENCE.map((name) => [name, answer[name]]), ['exact', String(answer.probability)]];
  const list = rows.map(([name, value]) => make('div', {},
    make('dt', {}, say(name)),
    make('dd', {}, make('code', {}, value), copyButton(say(name), value))));
  const time = make('div', {}, make('dt', {}, say('decided_at')), make('dd', {}, moment(when)));
  return make('dl', { class: 'reference' }, ...list, time);
}

/** Return the sentence that a screen reader says when a decision arrives. */
export function heard(answer, policy) {
  const probability = percent(answer.probability, [policy.refer_from, policy.decline_from]);
  return say('heard', { decision: say(answer.decision), probability });
}

function drawReasons(answer, explanation) {
  if (answer.decision === 'approve') return null;
  const title = make('h3', {}, say('reasons'));
  if (!answer.reasons.length) return make('div', {}, title, make('p', { class: 'remark' }, say('reasons_empty')));
  // The explanation is of the same record, in the language that the page has now.
  const texts = new Map((explanation?.reasons ?? []).map((reason) => [reason.code, reason.text]));
  const items = answer.reasons.map((reason) => make('li', {},
    make('span', { class: 'reason' }, texts.get(reason.code) ?? reason.text),
    make('span', { class: 'reason-about' }, make('code', {}, reason.code), weightOf(reason.code, explanation))));
  return make('div', {}, title, make('ol', { class: 'reasons' }, ...items));
}

function weightOf(code, explanation) {
  const own = (explanation?.contributions ?? []).filter((item) => item.code === code);
  if (!own.length) return null;
  const total = own.reduce((sum, item) => sum + item.contribution, 0);
  return make('span', { class: 'weight' }, say('odds', { factor: factor(total) }));
}

function copyButton(name, value) {
  const label = make('span', {}, say('copy'));
  const button = make('button', { type: 'button', class: 'copy', 'aria-label': say('copy_named', { name }) }, label);
  button.addEventListener('click', async () => {
    if (await copied(value, button)) put(label, say('copied'));
    setTimeout(() => put(label, say('copy')), 2000);
  });
  return button;
}

async function copied(value, button) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    // Without https browsers give pages no clipboard: the text is selected, ready to be copied by hand.
    getSelection().selectAllChildren(button.previousElementSibling);
    return false;
  }
}
