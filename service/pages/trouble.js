// What went wrong, in a sentence, with a button to try again.

import { make } from './elements.js';
import { say } from './texts.js';

const KNOWN = new Set([401, 403, 409, 429, 503]);

/** Return a notice of a trouble; `lead` says first what it stopped. */
export function drawTrouble(trouble, again, lead = '') {
  const button = make('button', { type: 'button', class: 'quiet' }, say('retry'));
  button.addEventListener('click', again);
  const sentence = make('p', {}, [lead, sentenceOf(trouble)].filter(Boolean).join(' '));
  return make('div', { class: 'notice', role: 'alert' }, sentence, detailOf(trouble), button);
}

function sentenceOf({ status }) {
  if (status === 0) return say('trouble_network');
  return KNOWN.has(status) ? say(`trouble_${status}`) : say('trouble_other', { status });
}

function detailOf({ status, message, requestId }) {
  // The service's own words are English: they are for whoever is asked for help.
  const words = KNOWN.has(status) ? '' : message;
  const id = requestId ? say('trouble_request', { id: requestId }) : '';
  const parts = [words, id].filter(Boolean);
  return parts.length ? make('p', { class: 'notice-detail', lang: 'en' }, parts.join(' · ')) : null;
}
