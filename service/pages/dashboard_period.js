// The choice of the period: the last so many days, or from a day until a day; it stands in the page's address too.

import { find, make, put } from './elements.js';

const PRESETS = [[7, '7 days'], [30, '30 days'], [90, '90 days'], [365, 'a year']];
const LONGEST = 400;
const DAY = 864e5;

/** Return the question mark and what follows, as the service is asked: nothing for its own choice of a period. */
export function askedPeriod() {
  const { from, until } = inAddress();
  return from && until ? `?${new URLSearchParams({ from, until })}` : '';
}

/** Run the form; `load()` is called whenever another period is chosen. */
export function runPeriod(load) {
  const form = find('period');
  put(find('presets'), ...PRESETS.map(([days, name]) => {
    const button = make('button', { type: 'button', 'data-days': days, 'aria-pressed': 'false' }, name);
    button.addEventListener('click', () => choose(before(form.dataset.today, days - 1), form.dataset.today, load));
    return button;
  }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const [from, until] = [find('from').value, find('until').value];
    const wrong = wrongOf(from, until);
    complain(wrong);
    if (!wrong) choose(from, until, load);
  });
  addEventListener('popstate', () => load());
}

/** Show which period the figures are of; what somebody is typing is left alone. */
export function showPeriod({ days, today }, quietly) {
  const [from, until] = [days[0], days.at(-1)];
  find('period').dataset.today = today;
  for (const button of find('presets').children) {
    const chosen = until === today && from === before(today, button.dataset.days - 1);
    button.setAttribute('aria-pressed', String(chosen));
  }
  if (quietly && find('period').contains(document.activeElement)) return;
  complain('');
  find('from').value = from;
  find('until').value = until;
}

function wrongOf(from, until) {
  if (!from || !until) return 'Give the first and the last day.';
  if (from > until) return 'The first day lies after the last.';
  const days = (Date.parse(until) - Date.parse(from)) / DAY + 1;
  return days > LONGEST ? `These are ${days} days. At most ${LONGEST} are shown at once.` : '';
}

function complain(text) {
  find('period-error').hidden = !text;
  put(find('period-error'), text);
}

function choose(from, until, load) {
  history.pushState(null, '', `?${new URLSearchParams({ from, until })}`);
  load();
}

function inAddress() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

function before(date, days) {
  return new Date(Date.parse(date) - days * DAY).toISOString().slice(0, 10);
}
