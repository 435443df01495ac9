// What a session remembers, as tables.

import { h } from './dom.js';
import { listOf, members, short } from './json.js';

// parameterTable shows parameters, and what a response changed of them.
export function parameterTable(parameters, changed = []) {
  const now = { ...members(parameters) };
  const how = {};
  for (const c of changed) {
    how[c.name] = c.how;
    now[c.name] = c.how === 'removed' ? now[c.name] : c.value;
  }
  const names = Object.keys(now).sort();
  if (!names.length) return h('p', { class: 'dim' }, 'None.');
  return h(
    'table',
    { class: 'pairs small' },
    h(
      'tbody',
      {},
      names.map((name) =>
        h(
          'tr',
          { class: how[name] },
          h('th', { scope: 'row' }, name),
          h(
            'td',
            {},
            h('code', { title: JSON.stringify(now[name]) }, short(now[name], 120)),
            how[name] && h('span', { class: 'how ' + how[name] }, how[name]),
          ),
        ),
      ),
    ),
  );
}

// formTable shows the page's form: as the request had it, and what a response
// made of it.
export function formTable(before, after) {
  const rows = new Map();
  for (const p of listOf(before?.formInfo?.parameterInfo).map(members)) rows.set(p.displayName, { ...p });
  for (const p of listOf(after?.formInfo?.parameterInfo).map(members)) rows.set(p.displayName, { ...rows.get(p.displayName), ...p, changed: true });
  const page = before?.displayName || (before?.currentPage && String(before.currentPage).split('/').pop());
  return [
    page && h('p', { class: 'dim' }, 'page ', h('b', { title: before.currentPage }, page)),
    rows.size
      ? h(
          'table',
          { class: 'pairs small' },
          h(
            'tbody',
            {},
            [...rows.values()].map((p) =>
              h(
                'tr',
                { class: p.changed ? 'changed' : undefined },
                h('th', { scope: 'row' }, p.displayName, p.required && h('span', { class: 'dim', title: 'required' }, ' *')),
                h(
                  'td',
                  {},
                  h('span', { class: 'form-state ' + String(p.state ?? 'EMPTY').toLowerCase() }, p.state ?? 'EMPTY'),
                  p.value !== undefined && p.value !== null ? [' ', h('code', {}, short(p.value))] : '',
                  p.justCollected ? h('small', {}, ' just collected') : '',
                ),
              ),
            ),
          ),
        )
      : h('p', { class: 'dim' }, page ? 'It has no form.' : 'None.'),
  ];
}
