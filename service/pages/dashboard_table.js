// The figures of a chart as a table, made when it is asked for.

import { make } from './elements.js';

/** Return a table: heads, and rows whose first cell names the row. */
export function drawTable(caption, heads, rows) {
  return make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    make('table', {}, make('caption', { class: 'heard' }, caption),
      make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
      make('tbody', {}, ...rows.map(([name, ...cells]) =>
        make('tr', {}, make('th', { scope: 'row' }, name), ...cells.map((cell) => make('td', {}, cell)))))));
}

/** Return a closed table; `rows()` is asked once, when somebody opens it. `key` keeps it open over a redrawing. */
export function drawFigures(key, caption, heads, rows) {
  return drawMore(key, make('summary', { 'data-key': `${key} summary` }, `Table: ${caption}`), () => drawTable(caption, heads, rows()));
}

/** Return closed details whose content is made when they are opened for the first time. */
export function drawMore(key, summary, content, attributes = {}) {
  const details = make('details', { ...attributes, 'data-key': key }, summary);
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(content());
  });
  return details;
}
