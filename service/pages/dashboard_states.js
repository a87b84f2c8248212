// What stands there instead of figures, or above them: waiting, nothing yet, catching up, and what went wrong.

import { make } from './elements.js';
import { count, day, things } from './dashboard_words.js';

const SENTENCES = {
  0: 'The service could not be reached. Check the connection.',
  401: 'The service asks for a key. Reload the page, and enter an API key as the password.',
  403: 'This key may not read. Its owner can give it the scope “read”.',
  404: 'This service keeps no dashboard.',
  422: 'The service cannot show this period.',
  429: 'The service has too much to do at the moment, or this key has asked too often.',
  503: 'The service is not ready.',
};

/** Return what is shown while the first figures are on their way. */
export function drawWaiting() {
  return make('p', { class: 'remark waiting' }, 'Loading the figures…');
}

/** Return the notice that some entries of the log are not counted yet. */
export function drawBehind({ behind }) {
  return make('p', { class: 'notice', role: 'status' }, make('b', {}, 'Catching up. '),
    `${things(behind, 'entry', 'entries')} of the decision log ${behind === 1 ? 'is' : 'are'} not counted yet, so the figures grow. The page looks again by itself.`);
}

/** Return what to do where nothing was decided. */
export function drawEmpty(board) {
  const { days, caught_up: caughtUp, use_case: useCase } = board;
  if (!caughtUp) return null;
  const period = `${day(days[0])} to ${day(days.at(-1))}`;
  const ways = [
    ['a record at a time', 'on the portal, or by POST /predict'],
    ['a file', code(`aval score ${useCase} INPUT OUTPUT`)],
    ['months of made-up records, in a log of their own', code(`aval simulate ${useCase} --weeks 26`)],
  ];
  return make('div', { class: 'notice' },
    make('p', {}, make('b', {}, 'Nothing was decided'), ` from ${period}. Choose another period, or fill the decision log: decide on`),
    make('ul', { class: 'ways-to-fill' }, ...ways.map(([what, how]) => make('li', {}, `${what}: `, how))),
    make('p', {}, 'and tell what became of it with ', code(`aval outcomes ${useCase} FILE`), '.'));
}

/** Return what went wrong in a sentence, the service's own words, and a button to try again. */
export function drawTrouble(trouble, again) {
  const button = make('button', { type: 'button', class: 'quiet' }, 'Try again');
  button.addEventListener('click', again);
  const { status, message, errors = [], requestId } = trouble;
  // What is no answer of the service is a fault of this page: its message is for whoever mends it.
  const sentence = status === undefined ? 'The figures could not be drawn.' : SENTENCES[status] ?? `The service answered with an error (${count(status)}).`;
  const details = [message, ...errors.map((error) => error.message ?? error.detail), requestId ? `Request ${requestId}` : ''].filter(Boolean);
  return make('div', { class: 'notice', role: 'alert' }, make('p', {}, sentence),
    details.length ? make('p', { class: 'notice-detail' }, [...new Set(details)].join(' · ')) : null, button);
}

function code(text) {
  return make('code', {}, text);
}
