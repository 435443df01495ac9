// Keyboard shortcuts, and the list of them.

import { h } from './dom.js';

const everywhere = [
  ['1 – 5', 'Calls, Compose, Conversation, Faults, Stack'],
  ['t', 'light, dark, as the system'],
  ['?', 'this list'],
  ['Esc', 'closes what is open, leaves a field'],
];

const typing = (e) => e.target.closest?.('input, textarea, select, [contenteditable]');

// initKeys listens. Single keys can be turned off: who speaks to the machine
// presses them unawares (WCAG 2.1.4).
export function initKeys({ theme, view }) {
  const dialog = document.body.appendChild(h('dialog', { class: 'help', 'aria-labelledby': 'help-title' }));
  const off = () => localStorage.getItem('keys') === 'off';
  function help() {
    const own = view()?.keys?.() ?? [];
    const box = h('input', {
      type: 'checkbox',
      id: 'single-keys',
      on: { change: (e) => localStorage.setItem('keys', e.target.checked ? 'on' : 'off') },
    });
    box.checked = !off();
    const rows = (list) =>
      h(
        'dl',
        {},
        list.map(([key, what]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, what))),
      );
    dialog.replaceChildren(
      h('h2', { id: 'help-title' }, 'Keyboard'),
      own.length ? h('h3', {}, 'In this view') : '',
      own.length ? rows(own.map(([key, what]) => [key, what])) : '',
      h('h3', {}, 'Everywhere'),
      rows(everywhere),
      h('p', {}, h('label', { for: 'single-keys' }, box, ' Shortcuts of a single key')),
      h('form', { method: 'dialog' }, h('button', { class: 'primary' }, 'Close')),
    );
    dialog.showModal();
  }
  document.getElementById('keys').addEventListener('click', help);
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && typing(e)) {
      e.target.blur();
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e) || dialog.open || off()) return;
    const name = ['calls', 'compose', 'conversation', 'faults', 'stack'][Number(e.key) - 1];
    const own = (view()?.keys?.() ?? []).find(([key]) => key.split(' ').includes(e.key));
    if (name) location.hash = '#/' + name;
    else if (e.key === 't') theme();
    else if (e.key === '?') help();
    else if (own) own[2]();
    else return;
    e.preventDefault();
  });
}
