// The fields of the form: each draws its control, reads and writes its value, and says beside it what is wrong.

import { levelText } from './contract.js';
import { make, put } from './elements.js';
import { number, say } from './texts.js';

const LONGEST_SUFFIX = 8;
const CONTROLS = {
  number: drawNumber, text: drawText, time: drawTime, select: drawSelect, buttons: drawButtons, flag: drawButtons,
};

/**
 * Return a field: `element` to show, `read()` and `write(value)` of its value (null for not known, undefined for
 * empty), `problem()` in words or null, `complain(words)` to show it, and `focus()`.
 */
export function drawField(item, at) {
  const id = `field-${at}`;
  const control = CONTROLS[item.kind](item, id);
  const unknown = item.nullable && item.required && !control.offersUnknown ? drawUnknown(item, id, control) : null;
  const error = make('p', { class: 'error', id: `${id}-error`, hidden: true });
  const label = make(control.group ? 'span' : 'label', control.group ? { id: `${id}-label` } : { for: id }, item.label);
  label.append(item.required ? '' : make('span', { class: 'optional' }, ` ${say('optional')}`));
  const element = make('div', { class: 'field', 'data-field': item.name },
    make('div', { class: 'field-top' }, label, unknown?.element),
    make('div', { class: 'control' }, control.element, suffixOf(item, id)),
    make('div', { class: 'field-about' }, error, make('p', { class: 'hint', id: `${id}-hint` }, hintOf(item))));
  control.target.setAttribute('aria-describedby', `${id}-error ${id}-unit ${id}-hint`);
  if (item.required && !control.group) control.target.setAttribute('aria-required', 'true');

  function read() {
    return unknown?.chosen() ? null : control.read();
  }

  return {
    item,
    element,
    read,
    write(value) {
      unknown?.choose(value === null);
      control.write(value);
    },
    problem: () => problemOf(item, read(), control),
    complain(words) {
      put(error, ...(words ? [words] : []));
      error.hidden = !words;
      element.classList.toggle('wrong', Boolean(words));
      control.target.setAttribute('aria-invalid', String(Boolean(words)));
    },
    focus: () => control.focus(),
  };
}

/** Describe the values that a field takes, with its unit; empty where there is nothing to say. */
export function rangeOf(item) {
  const [low, high] = [item.minimum, item.maximum].map((end) => (end === null ? null : number(end)));
  if (low === null && high === null) return '';
  const key = low === null ? 'range_high' : high === null ? 'range_low' : 'range_both';
  return [say(key, { low, high }), item.unit].filter(Boolean).join(' ');
}

/** Write a value of an input as a person reads it; what was computed is rounded. A derived input has no field. */
export function valueText(item, value, computed = false) {
  if (value === null || value === undefined) return say('not_known');
  if (typeof value === 'boolean') return say(value ? 'yes' : 'no');
  if (item?.levels.length) return levelText(item, value);
  return typeof value === 'number' ? number(value, computed || !item) : String(value);
}

/** Return a text that ends in a value of a field with the value's unit. */
export function withUnit(item, value, text) {
  return typeof value === 'number' && item?.unit && !item.levels.length ? `${text} ${item.unit}` : text;
}

function hintOf(item) {
  const range = item.kind === 'number' ? rangeOf(hasSuffix(item) ? { ...item, unit: '' } : item) : '';
  return [item.hint, range].filter(Boolean).join(' · ');
}

function hasSuffix(item) {
  return item.kind === 'number' && item.unit && item.unit.length <= LONGEST_SUFFIX;
}

function suffixOf(item, id) {
  return hasSuffix(item) ? make('span', { class: 'suffix', id: `${id}-unit` }, item.unit) : null;
}

function problemOf(item, value, control) {
  if (control.unreadable?.()) return say(item.kind === 'time' ? 'no_time' : 'not_number');
  if (value === undefined) return item.required ? say(item.nullable ? 'missing_or_unknown' : 'missing') : null;
  if (value === null) return null;
  if (item.kind === 'number') return numberProblem(item, value);
  return item.kind === 'text' && String(value).length > item.most ? say('too_long', { most: item.most }) : null;
}

function numberProblem(item, value) {
  if (item.integer && !Number.isInteger(value)) return say('not_whole');
  const low = item.minimum !== null && value < item.minimum;
  const high = item.maximum !== null && value > item.maximum;
  return low || high ? say('out_of_range', { range: rangeOf(item) }) : null;
}

function drawNumber(item, id) {
  const input = make('input', {
    id, type: 'number', inputmode: item.integer && item.minimum >= 0 ? 'numeric' : 'decimal',
    min: item.minimum, max: item.maximum, step: item.integer ? 1 : 'any', placeholder: emptyText(item),
  });
  // Turning the wheel over a field would change the amount unseen.
  input.addEventListener('wheel', () => input.blur(), { passive: true });
  return typed(input, (text) => Number(text));
}

function drawText(item, id) {
  const wholeNumbers = typeof item.example === 'number';
  const placeholder = emptyText(item);
  const input = make('input', { id, type: 'text', maxlength: item.most, spellcheck: 'false', placeholder });
  return typed(input, (text) => (wholeNumbers && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text));
}

function drawTime(item, id) {
  const control = typed(make('input', { id, type: 'datetime-local', step: 1 }), (text) => text);
  return { ...control, write: (value) => control.write(value && String(value).replace(' ', 'T')) };
}

function emptyText(item) {
  return item.required ? null : say('not_known');
}

function typed(input, parse) {
  return {
    element: input,
    target: input,
    read: () => (input.value.trim() === '' ? undefined : parse(input.value.trim())),
    write: (value) => { input.value = value ?? ''; },
    unreadable: () => input.validity.badInput,
    enable: (enabled) => { input.disabled = !enabled; },
    focus: () => input.focus(),
  };
}

function drawSelect(item, id) {
  const values = [...item.levels, ...(item.nullable ? [null] : [])];
  const options = values.map((value, at) => make('option', { value: at }, valueText(item, value)));
  const select = make('select', { id }, make('option', { value: '' }, say('choose')), ...options);
  return {
    element: make('span', { class: 'select' }, select),
    target: select,
    offersUnknown: true,
    read: () => (select.value === '' ? undefined : values[Number(select.value)]),
    write: (value) => { select.value = value === undefined ? '' : String(values.indexOf(value)); },
    focus: () => select.focus(),
  };
}

function drawButtons(item, id) {
  const levels = item.kind === 'flag' ? [true, false] : item.levels;
  const values = [...levels, ...(item.nullable ? [null] : [])];
  const inputs = values.map((_, at) => make('input', { type: 'radio', name: id, id: `${id}-${at}`, value: at }));
  const labels = values.map((value, at) =>
    make('label', { for: `${id}-${at}` }, inputs[at], make('span', {}, valueText(item, value))));
  const group = make('div', { class: 'buttons', role: 'radiogroup', 'aria-labelledby': `${id}-label` }, ...labels);
  if (item.required) group.setAttribute('aria-required', 'true');
  return {
    element: group,
    target: group,
    group: true,
    offersUnknown: true,
    read: () => values[inputs.findIndex((input) => input.checked)],
    write: (value) => inputs.forEach((input, at) => { input.checked = value !== undefined && values[at] === value; }),
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0]).focus(),
  };
}

function drawUnknown(item, id, control) {
  const named = `${item.label}: ${say('not_known')}`;
  const box = make('input', { type: 'checkbox', id: `${id}-unknown`, 'aria-label': named });
  let kept;
  function choose(chosen) {
    box.checked = chosen;
    control.enable(!chosen);
  }
  box.addEventListener('change', () => {
    if (box.checked) kept = control.read();
    control.write(box.checked ? undefined : kept);
    choose(box.checked);
  });
  return { element: make('label', { class: 'unknown' }, box, say('not_known')), chosen: () => box.checked, choose };
}
