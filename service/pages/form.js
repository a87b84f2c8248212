// The form: the fields in their groups, and what is wrong with them.

import { derivedNames, fieldsOf } from './contract.js';
import { make, put } from './elements.js';
import { drawField, rangeOf } from './fields.js';
import { afterPress } from './press.js';
import { language, say } from './texts.js';

const GROUPS = ['inputs', 'optional', 'aside'];
const RATIO_DIGITS = 4;
const SERVER_TEXTS = {
  missing: 'missing',
  null: 'missing',
  not_finite: 'not_number',
  range: 'out_of_range',
  level: 'no_level',
  unknown: 'unknown_field',
};

const TYPE_TEXTS = { number: 'not_number', time: 'no_time', select: 'no_level', buttons: 'no_level', flag: 'no_level' };

/** Draw the form of a contract into `place`; `changed()` is called whenever a person changes a field. */
export function drawForm(place, schema, metadata, changed) {
  const all = withRatios(fieldsOf(schema, metadata, language()));
  // In the order of the page, which is that of the contract within each group.
  const items = GROUPS.flatMap((name) => all.filter((item) => item.group === name));
  const fields = items.map(drawField);
  const groups = GROUPS.map((name) => drawGroup(name, fields.filter((field) => field.item.group === name)));
  put(place, ...groups);
  for (const field of fields) {
    field.element.addEventListener('input', () => {
      fields.filter(({ item }) => item.follows?.includes(field.item.name)).forEach((other) => follow(other, fields));
      if (field.element.classList.contains('wrong')) field.complain(field.problem());
      changed();
    });
    // Only once a field was left: nobody is told off while typing.
    field.element.addEventListener('focusout', (event) => {
      if (!field.element.contains(event.relatedTarget)) afterPress(() => complainUnlessEmpty(field));
    });
  }
  return new Form(items, fields, derivedNames(schema, language()));
}

/** The fields together. */
class Form {
  constructor(items, fields, derived) {
    this.items = items;
    this.derived = derived;
    this.fields = fields;
    this.byName = new Map(fields.map((field) => [field.item.name, field]));
  }

  /** Return the record as the service wants it: an empty field is left out. */
  record() {
    const values = this.fields.map((field) => [field.item.name, field.read()]);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined));
  }

  /** Fill in a record; a field that it has not is emptied. */
  fill(record) {
    for (const field of this.fields) {
      field.write(record[field.item.name]);
      field.complain(null);
    }
  }

  /** Complain of every field that cannot be sent, focus the first, and return how many there are. */
  check() {
    return this.#mark(new Map(this.fields.map((field) => [field.item.name, field.problem()])));
  }

  /** Show the service's findings beside their fields, and return those that have no field here. */
  refuse(errors) {
    const own = errors.filter((error) => this.byName.has(error.field));
    this.#mark(new Map(own.map((error) => [error.field, wordsOf(error, this.byName.get(error.field).item)])));
    return errors.filter((error) => !this.byName.has(error.field));
  }

  /** Put an alternative into its field, and the ratios that follow it into theirs; return the field's item. */
  change({ feature, value, also = {} }) {
    const field = this.byName.get(feature);
    field.write(value);
    field.element.dispatchEvent(new Event('input'));
    for (const [name, ratio] of Object.entries(also)) this.byName.get(name)?.write(ratio);
    field.complain(field.problem());
    reveal(field);
    return field.item;
  }

  #mark(problems) {
    for (const field of this.fields) field.complain(problems.get(field.item.name) ?? null);
    const wrong = this.fields.filter((field) => problems.get(field.item.name));
    wrong.forEach(unfold);
    if (wrong.length) reveal(wrong[0]);
    return wrong.length;
  }
}

/** Write a ratio that the sender states anew from the two fields that it follows. */
function follow(field, fields) {
  const [numerator, denominator] = field.item.follows.map((name) =>
    fields.find(({ item }) => item.name === name).read());
  const ratio = Number((numerator / denominator).toFixed(RATIO_DIGITS));
  if (!Number.isFinite(ratio) || numerator === null || denominator === null) return;
  field.write(ratio);
  field.complain(field.problem());
}

function complainUnlessEmpty(field) {
  const problem = field.problem();
  const empty = field.read() === undefined && problem === say(field.item.nullable ? 'missing_or_unknown' : 'missing');
  if (!empty) field.complain(problem);
}

function unfold(field) {
  const folded = field.element.closest('details');
  if (folded) folded.open = true;
}

function reveal(field) {
  unfold(field);
  field.focus();
}

function wordsOf(error, item) {
  const key = error.code === 'type' ? TYPE_TEXTS[item.kind] : SERVER_TEXTS[error.code];
  return key ? say(key, { range: rangeOf(item) }) : error.message;
}

function withRatios(items) {
  const labels = new Map(items.map((item) => [item.name, item.label]));
  const ratio = (item) => item.follows.map((name) => labels.get(name)).join(' ÷ ');
  return items.map((item) => (item.follows ? { ...item, hint: ratio(item) } : item));
}

function drawGroup(name, fields) {
  if (!fields.length) return null;
  const grid = make('div', { class: 'fields' }, ...fields.map((field) => field.element));
  if (name !== 'aside') {
    return make('fieldset', { class: 'group' }, make('legend', {}, say(`group_${name}`)), grid);
  }
  return make('details', { class: 'group' }, make('summary', {}, say(`group_${name}`)),
    make('p', { class: 'remark' }, say('aside_about')), grid);
}
