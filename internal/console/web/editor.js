// A text editor for JSON: names and values coloured, and what is wrong marked where
// it is. The text is a textarea's; the colours lie below it.

import { h, replace } from './dom.js';
import { paint, place, scan } from './json.js';

// editor gives {node, get, set, problem}; onChange hears of the text and of its
// problem, null where it is JSON.
export function editor(label, text, onChange) {
  const below = h('pre', { class: 'below', 'aria-hidden': 'true' });
  const lines = h('pre', { class: 'lines', 'aria-hidden': 'true' });
  const problem = h('p', { class: 'problem', role: 'status', id: 'editor-problem' });
  const area = h('textarea', {
    class: 'code-area',
    'aria-label': label,
    'aria-describedby': 'editor-problem',
    spellcheck: 'false',
    autocomplete: 'off',
    wrap: 'off',
    value: text,
    on: { input: () => changed(true), scroll: align, keydown: key },
  });
  let wrong = null;

  function align() {
    below.scrollTop = area.scrollTop;
    below.scrollLeft = area.scrollLeft;
    lines.scrollTop = area.scrollTop;
  }

  function changed(byHand) {
    const text = area.value;
    wrong = scan(text).problem;
    const at = wrong && place(text, Math.min(wrong.at, text.length));
    if (wrong) {
      const from = Math.min(wrong.at, text.length),
        to = Math.min(wrong.to, text.length);
      const inside = text.slice(from, to).split('\n')[0] || ' ';
      replace(below, paint(text.slice(0, from)), h('mark', {}, inside), text.slice(from + inside.length) + '\n');
    } else replace(below, paint(text), '\n');
    const n = text.split('\n').length;
    replace(
      lines,
      Array.from({ length: n }, (_, i) => h('span', { class: at?.line === i + 1 ? 'wrong' : undefined }, String(i + 1) + '\n')),
    );
    area.setAttribute('aria-invalid', String(Boolean(wrong)));
    replace(
      problem,
      wrong
        ? [h('button', { type: 'button', class: 'link', on: { click: go } }, `Line ${at.line}, column ${at.column}`), ': ' + wrong.message + '.']
        : '',
    );
    align();
    if (byHand) onChange(text, wrong);
  }

  // go puts the cursor where it is wrong.
  function go() {
    area.focus();
    area.setSelectionRange(wrong.at, Math.min(wrong.to, area.value.length));
    const line = place(area.value, wrong.at).line;
    area.scrollTop = Math.max(0, (line - 6) * 19);
  }

  // Tab stays the way out, as everywhere; Enter keeps the indentation.
  function key(e) {
    if (e.key !== 'Enter' || e.isComposing) return;
    const before = area.value.slice(0, area.selectionStart);
    const indent = /(?:^|\n)([ \t]*)[^\n]*$/.exec(before)?.[1] ?? '';
    const more = /[[{]\s*$/.test(before) ? '  ' : '';
    if (!indent && !more) return;
    e.preventDefault();
    document.execCommand('insertText', false, '\n' + indent + more); // keeps undo
  }

  changed(false);
  return {
    node: h('div', { class: 'editor' }, h('div', { class: 'editor-box' }, lines, h('div', { class: 'editor-text' }, below, area)), problem),
    get: () => area.value,
    set(text) {
      area.value = text;
      changed(false);
    },
    problem: () => wrong,
  };
}
