// How the dashboard writes numbers, shares, days and moments, so that they can be read aloud.

const LOCALE = 'en-GB';
const WHOLE = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
const SMALLEST = 0.0001;
const MOST_DIGITS = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 });
const SHORT_DAY = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const LONG_DAY = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const MONTH = new Intl.DateTimeFormat(LOCALE, { month: 'short', year: 'numeric', timeZone: 'UTC' });
const AND = new Intl.ListFormat(LOCALE, { type: 'conjunction' });
// What is not known; a dash alone is passed over by screen readers.
export const NONE = 'none yet';

/** Write a count: 12,430. */
export function count(value) {
  return known(value) ? WHOLE.format(value) : NONE;
}

/** Write a count for an axis: 12.4K. */
export function compact(value) {
  return COMPACT.format(value);
}

/** Write a share as per cent, with one place, or with more where it would read as nothing or as all. */
export function share(value) {
  if (!known(value)) return NONE;
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent}%`;
  if (percent < 0.05) return `${Number(percent.toPrecision(1))}%`;
  return percent > 99.95 && percent < 100 ? 'over 99.9%' : `${percent.toFixed(1)}%`;
}

/** Write an index of drift (PSI, CSI): never rounded onto the limits 0.1 and 0.25 from below. */
export function index(value) {
  if (!known(value)) return NONE;
  const rounded = value.toFixed(value < 0.1 ? 3 : 2);
  return [0.1, 0.25].includes(Number(rounded)) && value < Number(rounded) ? value.toFixed(4) : rounded;
}

/** Write any other figure, with three digits that count; a p-value may be too small to be read aloud. */
export function figure(value) {
  if (!known(value)) return NONE;
  return value > 0 && value < SMALLEST ? `under ${SMALLEST}` : MOST_DIGITS.format(value);
}

/** Write a text as a sentence: with a capital letter and a full stop. */
export function sentence(text) {
  return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Write milliseconds. */
export function milliseconds(value) {
  return known(value) ? `${MOST_DIGITS.format(value)} ms` : NONE;
}

/** Write a day given as 2026-11-03: 3 Nov 2026. */
export function day(text) {
  return LONG_DAY.format(new Date(`${text}T00:00Z`));
}

/** Write a day without its year: 3 Nov. */
export function shortDay(text) {
  return SHORT_DAY.format(new Date(`${text}T00:00Z`));
}

/** Write the month of a day: Nov 2026. */
export function month(text) {
  return MONTH.format(new Date(`${text}T00:00Z`));
}

/** Write a moment (ISO 8601 text, or microseconds since 1970) in a time zone. */
export function moment(value, zone) {
  const when = dateOf(value);
  if (!when) return NONE;
  return new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short', timeZone: zone }).format(when);
}

/** Return a moment as its day and its hour of the day in a time zone: ["2026-11-03", 14.5]; null if it is none. */
export function dayAndHour(value, zone) {
  const when = dateOf(value);
  if (!when) return null;
  const [date, time] = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', timeZone: zone })
    .format(when).split(' ');
  const [hours, minutes] = time.split(':').map(Number);
  return [date, hours + minutes / 60];
}

/** Return the time zone if the browser knows it, and UTC otherwise. */
export function knownZone(zone) {
  try {
    new Intl.DateTimeFormat(LOCALE, { timeZone: zone });
    return zone || 'UTC';
  } catch {
    return 'UTC';
  }
}

/** Write a number of things: "1 record", "12 records". */
export function things(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Write a list: "a, b and c"; of a long one the first, and how many more there are. */
export function listed(items, most = 5) {
  if (items.length <= most + 1) return AND.format(items);
  return AND.format([...items.slice(0, most), `${items.length - most} more`]);
}

/** Return the sum of numbers; what is missing adds nothing. */
export function sum(values) {
  return values.reduce((total, value) => total + (value ?? 0), 0);
}

/** Return a part of a whole, null for a part of nothing. */
export function part(value, whole) {
  return known(value) && whole > 0 ? value / whole : null;
}

/** Whether there is a number to write. */
export function known(value) {
  return Number.isFinite(value);
}

function dateOf(value) {
  const when = new Date(typeof value === 'number' ? value / 1000 : value ?? NaN);
  return Number.isNaN(when.getTime()) ? null : when;
}
