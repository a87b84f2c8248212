// Elements of the page. Whatever comes from a record or an answer becomes text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

/** Return an element with these attributes and children; a child that is null is left out. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Return the element with this id. */
export function find(id) {
  return document.getElementById(id);
}

/** Replace the content of an element. */
export function put(target, ...children) {
  target.replaceChildren(...children.filter((child) => child !== null));
  return target;
}

/** Set a custom property that the style sheet reads: the policy forbids style attributes, and allows this. */
export function measure(element, name, value) {
  element.style.setProperty(`--${name}`, value);
  return element;
}

const SHAPES = {
  approve: ['M12 1.8a10.2 10.2 0 1 0 0 20.4a10.2 10.2 0 1 0 0-20.4Z', 'm7.4 12.4 3.2 3.2 6.2-6.8'],
  refer: ['M12 2.2 22.6 20.8a.8.8 0 0 1-.7 1.2H2.1a.8.8 0 0 1-.7-1.2Z', 'M12 9v6M12 18.4v.1'],
  decline: ['M7.9 1.8h8.2l5.9 5.9v8.6l-5.9 5.9H7.9L2 16.3V7.7Z', 'm8.4 8.4 7.2 7.2m0-7.2-7.2 7.2'],
};

/** Return the sign of a decision: a circle, a triangle or an octagon, so that colour is never needed. */
export function sign(decision) {
  const [outline, stroke] = SHAPES[decision] ?? SHAPES.refer;
  return draw('svg', { class: `sign ${decision}`, viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    draw('path', { class: 'sign-area', d: outline }), draw('path', { class: 'sign-stroke', d: stroke }));
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
