// The language of the page: its texts, its numbers, and the choice between English, Spanish and Portuguese.

export const LANGUAGES = { en: 'English', es: 'Español', pt: 'Português' };
const KEPT = 'aval-language';

let texts = {};
let current = 'en';
let region = 'en';

/** Fetch all texts and return the language to begin with: the one kept, else the browser's, else English. */
export async function startLanguage() {
  texts = await (await fetch('pages/texts.json')).json();
  const wished = [kept(), ...navigator.languages].map((tag) => String(tag).slice(0, 2).toLowerCase());
  choose(wished.find((tag) => tag in LANGUAGES) ?? 'en');
  return current;
}

/** Return the language in use. */
export function language() {
  return current;
}

/** Use another language from now on, in this browser. */
export function useLanguage(tag) {
  choose(tag);
  try {
    localStorage.setItem(KEPT, tag);
  } catch {
    // Storage is switched off: the choice holds until the page is left.
  }
}

/** Return a text of the language in use with its {places} filled in. */
export function say(key, values = {}) {
  return texts[current][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Give every element of the page that names a text its text. */
export function sayAll() {
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', say(element.dataset.label));
  }
}

/** Write a number as it is written in the language in use; what was computed, to 4 digits that count. */
export function number(value, computed = false) {
  const fine = Math.abs(value) < 1e4 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 0 };
  return new Intl.NumberFormat(region, computed ? fine : { maximumFractionDigits: 6 }).format(value);
}

/** Write a probability as per cent, with digits enough to tell it from `others`: 39.96 % is not yet 40 %. */
export function percent(value, others = []) {
  const apart = [0, 1, ...others].filter((other) => other !== value);
  for (let digits = 3; ; digits += 1) {
    const format = new Intl.NumberFormat(region, { style: 'percent', maximumSignificantDigits: digits });
    const text = format.format(value);
    if (digits === 15 || !apart.some((other) => format.format(other) === text)) return text;
  }
}

/** Write a factor on the odds: × 1.52. */
export function factor(logOdds) {
  const value = Math.exp(logOdds);
  const places = value < 10 ? 2 : 1;
  const fixed = { minimumFractionDigits: places, maximumFractionDigits: places };
  const extreme = { maximumSignificantDigits: value < 1 ? 2 : 3 };
  const digits = value >= 100 || value < 0.1 ? extreme : fixed;
  return `× ${new Intl.NumberFormat(region, digits).format(value)}`;
}

/** Write a moment in the language in use, with its zone. */
export function moment(when) {
  return new Intl.DateTimeFormat(region, { dateStyle: 'long', timeStyle: 'long' }).format(when);
}

function choose(tag) {
  current = tag;
  // Mexico writes 1,234.5 and Argentina 1.234,5: where the browser says which, numbers and times follow it.
  region = navigator.languages.find((one) => one.toLowerCase().startsWith(`${tag}-`)) ?? tag;
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
