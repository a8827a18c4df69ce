import { explain, language, t } from './text.js';

// Builds elements from values. Text is always set as text: names and messages come from anyone.
const svgTags = new Set(['svg', 'polyline', 'line', 'text', 'circle', 'title']);

const shown = (children) => children.flat(Infinity).filter((child) => child != null && child !== false);

export const el = (tag, attributes = {}, ...children) => {
  const element = svgTags.has(tag)
    ? document.createElementNS('http://www.w3.org/2000/svg', tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value != null) {
      element.setAttribute(name, value);
    }
  }

  element.append(...shown(children));
  return element;
};

// A wide table scrolls in its own frame, which the keyboard reaches.
export const table = (heads, rows) => el('div', {
  class: 'wide', tabindex: 0, role: 'group', 'aria-label': heads.map((head) => head.text ?? head).join(', '),
}, el('table', {},
  el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col', class: head.class }, head.text ?? head)))),
  el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell, at) => cell instanceof Node && cell.nodeName === 'TD'
    ? cell : el('td', { class: heads[at]?.class }, cell ?? '')))))));

// Words of the service, of the cloud or of a check, which are English whatever the page's language is.
export const said = (text) => text ? el('span', { lang: 'en' }, text) : null;

// English words of the service on a page: on one in another language behind a label that says so.
export const labelled = (label, text) => text ? [language === 'en' ? null : el('b', {}, t(label), ' '), said(text)] : null;

// Shows why something was refused: its code in the reader's words where there are some, then those of the service.
export const sayFault = (element, fault) => replace(
  element, fault.code && explain(fault.code) ? [explain(fault.code), ' '] : null,
  labelled('inEnglish', fault.message));

// Shows the page's own words, where a refusal may have stood.
export const sayDone = (element, text) => {
  element.textContent = text;
};

// Tells a screen reader what has changed, once: figures that change every second are not told.
export const tell = (text) => {
  const told = document.getElementById('told');
  if (told.textContent !== text) {
    told.textContent = text;
  }
};

export const section = (title, ...children) => el('section', {}, el('h2', {}, title), children);

export const numbers = (pairs) => el('dl', { class: 'numbers' }, pairs.map(([name, value, note]) =>
  el('div', {}, el('dd', {}, value, note ? el('small', {}, ` ${note}`) : null), el('dt', {}, name))));

// Puts new content in place without taking away the focus: a reader in the middle of a form stays there.
export const replace = (parent, ...children) => {
  const focus = document.activeElement?.id;
  const [x, y] = [window.scrollX, window.scrollY];
  parent.replaceChildren(...shown(children));
  if (focus) {
    document.getElementById(focus)?.focus({ preventScroll: true });
  }

  window.scrollTo(x, y);
};
