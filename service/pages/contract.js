// What the form asks: the fields of the contract, in its order, as the published schema describes them.

// Beyond it a float64 skips integers: such a limit is the machine's, not the use case's.
const LARGEST_EXACT_INTEGER = 2 ** 53 - 1;
const MOST_BUTTONS = 3;
const LONGEST_BUTTONS = 26;
const LOCAL_TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?$/;
const NULL_LEVEL = 'NA';

/** Return the fields of a schema in one language, or in English where it has no texts in that. */
export function fieldsOf(schema, metadata, language) {
  const columns = Object.entries(schema.properties).filter(([, property]) => property['x-role']);
  const derived = Object.values(schema['x-derived'] ?? {}).flatMap((item) => item.of);
  const used = new Set([...metadata.inputs, ...derived]);
  return columns.map(([name, property]) =>
    field(name, property, schema.required.includes(name), used.has(name), language));
}

/** Return the names of the inputs that are computed from others, by their key. */
export function derivedNames(schema, language) {
  const derived = Object.entries(schema['x-derived'] ?? {});
  return new Map(derived.map(([name, item]) => [name, local(item, 'title', language)]));
}

/** Return a text of a schema in a language, or the English one. */
export function local(item, key, language) {
  return item[`x-${key}-${language}`] ?? item[key] ?? item[`x-${key}`] ?? '';
}

/** Return a level with its meaning, where the description says those of most levels ("1 male, 2 female"). */
export function levelText(item, level) {
  const meanings = item.levels.map((one) => meaningOf(item.description, one));
  const most = meanings.filter(Boolean).length * 2 > item.levels.length;
  const meaning = most ? meaningOf(item.description, level) : '';
  return meaning ? `${level} – ${meaning}` : String(level);
}

function meaningOf(description, level) {
  const sign = String(level).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return description.match(new RegExp(`(?:^|[,:;] )${sign} (?![(=])([^\\d,;]+?)(?=[,;.]|$)`, 'u'))?.[1].trim() ?? '';
}

function field(name, property, required, used, language) {
  const types = [property.type ?? []].flat();
  const levels = (property.enum ?? []).filter((level) => level !== null);
  const nullable = types.includes('null') || (property.enum ?? []).includes(null);
  const item = {
    name,
    required,
    levels,
    // A level that stands for null already says that nothing is known.
    nullable: nullable && !levels.includes(NULL_LEVEL),
    integer: types.includes('integer'),
    minimum: limit(property.minimum),
    maximum: limit(property.maximum),
    most: property.maxLength,
    unit: local(property, 'unit', language),
    label: local(property, 'title', language) || name,
    description: local(property, 'description', language),
    example: (property.examples ?? [])[0],
    follows: property['x-follows'] ?? null,
    group: used ? (required ? 'inputs' : 'optional') : 'aside',
  };
  return { ...item, kind: kindOf(item, property, types), hint: hintOf(item) };
}

function kindOf(item, property, types) {
  if (item.levels.length) {
    const shown = item.levels.map((level) => levelText(item, level)).join('');
    return shown.length > LONGEST_BUTTONS || item.levels.length > MOST_BUTTONS ? 'select' : 'buttons';
  }
  if (types.includes('boolean')) return 'flag';
  // A day without a time, and a time with a zone, have no field of their own in browsers.
  if (property['x-role'] === 'time') return LOCAL_TIME.test(item.example ?? '2000-01-01 00:00') ? 'time' : 'text';
  return types.includes('string') ? 'text' : 'number';
}

function limit(value) {
  return value === undefined || Math.abs(value) >= LARGEST_EXACT_INTEGER ? null : value;
}

function hintOf(item) {
  const { label, description, levels } = item;
  const explained = levels.length && levels.every((level) => levelText(item, level) !== String(level));
  const told = explained ? description.slice(0, description.search(/(?<=^|: ?)\S+ [^,;:]+[,;]/u)) : description;
  // What null means is said by the box beside the field.
  const clauses = told.replace(/ \(\p{L}+ null\)/gu, '').split(/;\s*/).filter((clause) => !/\bnull\b/.test(clause));
  const text = clauses.join('; ');
  const again = text.toLowerCase().startsWith(label.toLowerCase()) && !/^ \p{L}/u.test(text.slice(label.length));
  const hint = (again ? text.slice(label.length) : text).replace(/^[\s:;,.]+|[\s:;,]+$/g, '');
  return hint && hint[0].toUpperCase() + hint.slice(1);
}
