// The portal: loads what the service says of itself, and runs the form and the decision.

import { drawDecision, drawReference, drawWaiting, heard } from './answer.js';
import { local } from './contract.js';
import { find, make, measure, put } from './elements.js';
import { drawExplanation } from './explanation.js';
import { valueText, withUnit } from './fields.js';
import { drawForm } from './form.js';
import { newKey, read, send } from './service.js';
import { LANGUAGES, language, say, sayAll, startLanguage, useLanguage } from './texts.js';
import { drawTrouble } from './trouble.js';

const page = { schema: null, metadata: null, form: null, shown: null, wish: null, busy: false };

try {
  await startLanguage();
  sayAll();
  drawLanguages();
  await load();
} catch {
  // Without the file of texts there is no language to say it in.
  put(find('trouble-page'), make('p', { class: 'notice', role: 'alert' }, 'This page could not be loaded. Reload it.'));
}

async function load() {
  put(find('trouble-page'));
  try {
    [page.schema, page.metadata] = await Promise.all([read('schema'), read('model_metadata')]);
  } catch (trouble) {
    put(find('trouble-page'), drawTrouble(trouble, load, say('trouble_form')));
    return;
  }
  drawPage();
  page.form.fill(example());
  find('record').hidden = find('answer').hidden = false;
  find('record').addEventListener('submit', (event) => {
    event.preventDefault();
    decide();
  });
  find('example').addEventListener('click', () => refill(example()));
  find('clear').addEventListener('click', () => refill({}));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) decide();
  });
}

function drawPage() {
  const title = local(page.schema, 'title', language());
  document.title = `${title} · Aval`;
  put(find('title'), title);
  put(find('description'), local(page.schema, 'description', language()));
  const { model, policy, contract } = page.metadata;
  const versions = [['model', model], ['policy', policy.version], ['contract', contract]];
  put(find('versions'), ...versions.map(([name, value]) =>
    make('span', {}, `${say(name)} `, make('code', {}, value))));
  page.form = drawForm(find('groups'), page.schema, page.metadata, markStale);
  drawAnswer();
}

function drawAnswer() {
  const { shown, metadata } = page;
  find('file').hidden = !shown;
  if (!shown) {
    put(find('decision'), drawWaiting(metadata.policy));
    put(find('explanation'));
    return;
  }
  put(find('decision'), drawDecision(shown.answer, metadata.policy, shown.explanation));
  put(find('explanation'), explanationOf(shown));
  put(find('reference'), drawReference(shown.answer, shown.when));
}

function explanationOf(shown) {
  if (shown.explanation) return drawExplanation(shown.explanation, page.form, page.metadata.policy, tryValue);
  if (shown.trouble) return drawTrouble(shown.trouble, () => explain(shown), say('weights_failed'));
  return make('p', { class: 'remark' }, say('weights_loading'));
}

async function decide() {
  if (page.busy) return;
  put(find('trouble-record'));
  if (countWrong(page.form.check())) return;
  const record = page.form.record();
  setBusy(true);
  try {
    const answer = await send('predict', record, keyOf(record));
    await keepUp(answer, record);
    show(answer, record);
  } catch (trouble) {
    refuse(trouble);
  } finally {
    setBusy(false);
  }
}

function keyOf(record) {
  // A wish that was never answered keeps its key: asked again, it is decided and logged once.
  const content = JSON.stringify(record);
  if (page.wish?.content !== content) page.wish = { content, key: newKey() };
  return page.wish.key;
}

/** Load the facts again where another policy or bundle is served by now than when the page was loaded. */
async function keepUp(answer, record) {
  const { model, policy, contract } = page.metadata;
  if (answer.model === model && answer.policy === policy.version && answer.contract === contract) return;
  try {
    [page.schema, page.metadata] = await Promise.all([read('schema'), read('model_metadata')]);
    drawPage();
    page.form.fill(record);
  } catch {
    // The decision is there and is shown; the next one looks again.
  }
}

function show(answer, record) {
  page.wish = null;
  page.shown = { answer, record, when: new Date(), explanation: null, trouble: null };
  drawAnswer();
  markStale();
  put(find('heard'), heard(answer, page.metadata.policy));
  const top = find('answer').getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2) find('answer').scrollIntoView();
  explain(page.shown);
}

async function explain(shown) {
  shown.trouble = null;
  drawAnswer();
  try {
    shown.explanation = await send('explain', shown.record);
  } catch (trouble) {
    shown.trouble = trouble;
  }
  // Whoever has decided anew meanwhile waits for another explanation.
  if (page.shown === shown) drawAnswer();
}

function refuse(trouble) {
  if (trouble.status === 409) page.wish = null;
  const elsewhere = trouble.status === 422 ? page.form.refuse(trouble.errors) : [];
  if (trouble.status === 422) countWrong(trouble.errors.length);
  if (trouble.status !== 422 || elsewhere.length || !trouble.errors.length) {
    put(find('trouble-record'), drawTrouble(trouble, decide));
    find('trouble-record').scrollIntoView({ block: 'nearest' });
  }
}

function countWrong(count) {
  put(find('marked'), count ? say('marked', { count }) : '');
  put(find('heard'), count ? say('marked', { count }) : '');
  return count;
}

function setBusy(busy) {
  page.busy = busy;
  find('decide').setAttribute('aria-disabled', String(busy));
  put(find('decide'), say(busy ? 'deciding' : 'decide'));
}

function refill(record) {
  page.form.fill(record);
  countWrong(0);
  markStale();
}

function tryValue(alternative) {
  const item = page.form.change(alternative);
  const value = withUnit(item, alternative.value, valueText(item, alternative.value));
  put(find('heard'), say('tried', { field: item.label, value }));
  markStale();
}

function markStale() {
  const { shown } = page;
  if (!shown) return;
  const stale = JSON.stringify(page.form.record()) !== JSON.stringify(shown.record);
  find('answer').classList.toggle('stale', stale);
  put(find('trouble-answer'), stale ? make('p', { class: 'notice stale-note' }, say('stale')) : '');
}

function example() {
  return (page.schema.examples ?? [{}])[0];
}

// While a long form is scrolled, the answer stays in sight; one higher than the window does so from its end.
new ResizeObserver(([{ target }]) => measure(target, 'height', `${target.offsetHeight}px`)).observe(find('answer'));

function drawLanguages() {
  put(find('languages'), ...Object.entries(LANGUAGES).map(([tag, name]) => {
    const pressed = String(tag === language());
    const attributes = { type: 'button', lang: tag, title: name, 'aria-label': name, 'aria-pressed': pressed };
    const button = make('button', attributes, tag.toUpperCase());
    button.addEventListener('click', () => speak(tag));
    return button;
  }));
}

function speak(tag) {
  useLanguage(tag);
  sayAll();
  for (const button of find('languages').children) button.setAttribute('aria-pressed', String(button.lang === tag));
  if (!page.form) return;
  const record = page.form.record();
  drawPage();
  page.form.fill(record);
  countWrong(0);
  markStale();
  if (page.shown) explain(page.shown);
}
