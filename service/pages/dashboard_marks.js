// Changes of the model and of the policy, and retrainings, as marks on the axes of time.

import { draw, make } from './elements.js';
import { dayAndHour, moment } from './dashboard_words.js';

const KINDS = { model: 'Model', policy: 'Policy', retraining: 'Retraining' };
// Letters nearer than this would overlap: they are written as one, from the first to the last.
const ROOM = 26;

/** Return the marks between the first of these dates and the end of the last, in order, each with its letter and its place. */
export function placeMarks(marks, dates, zone, daysEach = 1) {
  const placed = marks.flatMap((mark) => {
    const [date, hour] = dayAndHour(mark.at, zone) ?? ['', 0];
    const at = dates.findLastIndex((one) => one <= date);
    if (at < 0) return [];
    const share = ((Date.parse(date) - Date.parse(dates[at])) / 864e5 + hour / 24) / daysEach;
    return at === dates.length - 1 && share > 1 ? [] : [{ ...mark, place: at + Math.min(share, 1) }];
  });
  return placed.sort((one, other) => one.place - other.place)
    .map((mark, at) => ({ ...mark, letter: letterOf(at) }));
}

/** Return the marks as lines down a frame, with their letters above it. */
export function drawMarks(plot, marks) {
  const groups = [];
  for (const mark of marks) {
    const x = plot.x(mark.place);
    if (groups.length && x < groups.at(-1).x + ROOM) groups.at(-1).last = mark.letter;
    else groups.push({ x, first: mark.letter, last: mark.letter });
  }
  return [
    ...marks.map(({ place, kind }) => draw('line', { class: `mark ${kind}`, x1: plot.x(place), x2: plot.x(place), y1: plot.top - 4, y2: plot.bottom })),
    ...groups.map(({ x, first, last }) => draw('text', { class: 'mark-letter', x: Math.min(Math.max(x, plot.left + 12), plot.right - 12), y: plot.top - 8,
      'text-anchor': 'middle' }, first === last ? first : `${first}–${last}`)),
  ];
}

/** Return what the letters mean, null where there are no marks. */
export function listMarks(marks, zone) {
  if (!marks.length) return null;
  const items = marks.map((mark) => make('li', {},
    make('b', { class: 'letter' }, mark.letter), ' ',
    make('span', {}, `${moment(mark.at, zone)} – ${Object.hasOwn(KINDS, mark.kind) ? KINDS[mark.kind] : 'Change'}: ${mark.text}`)));
  return make('div', { class: 'marks' }, make('h3', {}, 'Changes marked in the charts'), make('ol', {}, ...items));
}

function letterOf(at) {
  const letter = String.fromCharCode(65 + (at % 26));
  return at < 26 ? letter : `${letter}${Math.floor(at / 26)}`;
}
