// What can be done with a call: send it again, have curl send it, keep it.

import { h } from './dom.js';
import { post, put } from './api.js';
import { remember } from './store.js';
import { verdictText } from './call.js';
import { copy, say, trying } from './say.js';

export async function replay(c, exact) {
  const made = await trying(() => post(`/api/calls/${c.id}/replay`, { exact }));
  if (!made) return;
  remember(made);
  location.hash = '#/calls/' + made.id;
  say(`Replayed #${c.id} as #${made.id}: ${verdictText(made)}`);
}

// curl shows the line, too: it names the files that it needs.
export async function curl(c) {
  const line = await trying(() => post(`/api/calls/${c.id}/curl`));
  if (!line) return;
  const dialog = document.body.appendChild(
    h(
      'dialog',
      { class: 'help', 'aria-labelledby': 'curl-title', on: { close: () => dialog.remove() } },
      h('h2', { id: 'curl-title' }, `Call #${c.id} with curl`),
      h('pre', { class: 'code wrap', tabindex: 0, 'aria-label': 'curl line' }, line.line),
      h('p', { class: 'dim' }, line.note),
      h(
        'form',
        { method: 'dialog', class: 'row' },
        h('button', { type: 'button', class: 'primary', on: { click: () => copy(line.line) } }, 'Copy'),
        h('button', {}, 'Close'),
      ),
    ),
  );
  dialog.showModal();
}

// save keeps calls, by their ids, as one conversation; name is a proposal.
export function save(calls, proposal) {
  const name = h('input', {
    id: 'save-name',
    required: true,
    pattern: '[A-Za-z0-9][A-Za-z0-9._ \\-]{0,99}',
    value: proposal,
  });
  const comment = h('textarea', { id: 'save-comment', rows: 3 });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const dialog = document.body.appendChild(
    h(
      'dialog',
      { class: 'help', 'aria-labelledby': 'save-title', on: { close: () => dialog.remove() } },
      h('h2', { id: 'save-title' }, calls.length > 1 ? `Save ${calls.length} calls as a test` : `Save call #${calls[0]} as a test`),
      h(
        'form',
        {
          on: {
            submit: async (e) => {
              e.preventDefault();
              try {
                const made = await put('/api/saved/' + encodeURIComponent(name.value), { calls, comment: comment.value });
                dialog.close();
                say('Saved: ' + made.file);
              } catch (error) {
                problem.textContent = error.message;
              }
            },
          },
        },
        h('label', { for: 'save-name' }, 'Name'),
        name,
        h('label', { for: 'save-comment' }, 'What it is about, and which bug it guards against'),
        comment,
        h('p', { class: 'dim' }, 'A file with each request, its status and response, which cxtest.Run plays.'),
        problem,
        h(
          'div',
          { class: 'row' },
          h('button', { class: 'primary' }, 'Save'),
          h('button', { type: 'button', on: { click: () => dialog.close() } }, 'Cancel'),
        ),
      ),
    ),
  );
  dialog.showModal();
}
