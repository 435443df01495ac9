// Elements are made here, and only here. Text is set as text, never as markup: what
// a call carries stays what it is.

const svgNS = 'http://www.w3.org/2000/svg';

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === 'value') {
      element.value = value;
    } else if (name === 'style') {
      for (const [property, v] of Object.entries(value)) element.style.setProperty(property, v);
    } else {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  append(element, children);
  return element;
}

// append adds children; null and false are none, arrays are flattened.
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node || typeof child !== 'object' ? child : JSON.stringify(child));
  }
}

// h makes an HTML element.
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

// s makes an SVG element.
export const s = (tag, properties, ...children) => fill(document.createElementNS(svgNS, tag), properties, children);

// replace puts children in place of what an element has.
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

const paths = {
  pass: 'M4.5 8.5l2.5 2.5 5-6',
  fail: 'M5 5l6 6M11 5l-6 6',
  warn: 'M8 4v5M8 11.6v.4',
  skip: 'M5.5 8h5',
};

// mark is the sign of an outcome. The word stands beside it or in its label: colour
// alone says nothing to some.
export function mark(outcome, label) {
  return s(
    'svg',
    {
      class: 'mark ' + outcome,
      viewBox: '0 0 16 16',
      role: label ? 'img' : undefined,
      'aria-label': label,
      'aria-hidden': label ? undefined : 'true',
    },
    s('path', { d: paths[outcome] ?? paths.skip, fill: 'none', 'stroke-width': 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }),
  );
}

// micros writes a time of so many microseconds.
export function micros(us) {
  if (us === undefined || us === null) return '';
  if (us < 1000) return Math.round(us) + ' µs';
  if (us < 1e6) return (us / 1000).toFixed(us < 1e4 ? 1 : 0) + ' ms';
  return (us / 1e6).toFixed(2) + ' s';
}

// clock writes the time of day, with or without milliseconds.
export function clock(time, exact) {
  const d = new Date(time);
  const text = [d.getHours(), d.getMinutes(), d.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
  return exact ? text + '.' + String(d.getMilliseconds()).padStart(3, '0') : text;
}

// sessionID is the last part of a session's name.
export const sessionID = (name) => (name ?? '').split('/sessions/').pop();

// tabs makes a tab list of [{id, name, draw}]; draw gives a panel's content when it
// is first shown. chosen is an id; onChoose hears of the others.
export function tabs(label, list, chosen, onChoose) {
  const panel = h('div', { class: 'panel', role: 'tabpanel', id: 'panel', tabindex: 0 });
  const buttons = list.map((tab, i) =>
    h(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: 'tab-' + tab.id,
        'aria-controls': 'panel',
        class: tab.class,
        on: { click: () => show(i), keydown: (e) => move(e, i) },
      },
      tab.name,
    ),
  );
  function move(e, i) {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: list.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    const next = (to + list.length) % list.length;
    show(next);
    buttons[next].focus();
  }
  function show(i) {
    buttons.forEach((b, n) => {
      b.setAttribute('aria-selected', String(n === i));
      b.tabIndex = n === i ? 0 : -1;
    });
    panel.setAttribute('aria-labelledby', 'tab-' + list[i].id);
    replace(panel, list[i].draw());
    onChoose?.(list[i].id);
  }
  const strip = h('div', { class: 'tabs', role: 'tablist', 'aria-label': label }, buttons);
  show(
    Math.max(
      0,
      list.findIndex((tab) => tab.id === chosen),
    ),
  );
  return { strip, panel, show: (n) => list[n] && show(n) };
}
