// A call of one's own: from a tag, a saved conversation or a call that was made; in
// a form or as JSON; by whoever it is to be.

import { h, mark, micros, replace, sessionID, tabs } from './dom.js';
import { get, post } from './api.js';
import { listOf, pretty, read, scan, short, write } from './json.js';
import { detail, list, remember, stack } from './store.js';
import { asSend, callerFields, newSession, notHere, request, setCaller } from './caller.js';
import { editor } from './editor.js';
import { place } from './form.js';
import { requestForm, routeOf } from './requestform.js';
import { message } from './rich.js';
import { changes } from './chat.js';
import { outcome } from './calls.js';
import { verdictText } from './call.js';
import { stationName } from './way.js';
import { say, sentence, trying } from './say.js';

// draft is what is being written; it stays when the view goes.
const draft = { text: '', from: '', exact: false, path: '', tab: 'form', last: null };
let session = newSession('compose');

// edit takes a call over.
export function edit(c) {
  draft.text = pretty(c.request.body);
  draft.from = 'call #' + c.id;
  draft.path = c.path && !stack.url.endsWith(c.path) ? c.path : '';
  draft.exact = scan(draft.text).problem !== null;
  draft.tab = draft.exact ? 'json' : draft.tab;
  draft.last = null;
  setCaller(c);
  location.hash = '#/compose';
}

// fromTag begins a call of a tag: its parameters have the values that the latest
// call of that tag had.
async function fromTag(tag) {
  const req = request(tag, session);
  const before = list().find((c) => c.tag === tag && c.done);
  const old = before && read((await detail(before.id)).request.body);
  if (old?.text) req.text = old.text;
  for (const p of routeOf(req)?.parameters ?? []) {
    const value = old && place.get(old, p);
    if (value !== undefined) place.put(req, p, value);
  }
  draft.text = write(req);
  draft.from = 'tag ' + tag;
  draft.exact = false;
  draft.last = null;
}

export function composeView(rest) {
  if (stack?.mode === 'public') return { nodes: [notHere('Compose')] };
  const starts = h('aside', { class: 'side starts', 'aria-label': 'Start from' });
  const middle = h('section', { class: 'detail', 'aria-label': 'Call to send' });
  const result = h('div', { class: 'result', 'aria-live': 'polite' });
  const send = h('button', { type: 'button', class: 'primary wide', title: 'Send (Ctrl+Enter)', on: { click: go } }, 'Send');
  const exact = h('input', { type: 'checkbox', id: 'exact', on: { change: () => (draft.exact = exact.checked) } });
  const path = h('input', {
    id: 'compose-path',
    value: draft.path,
    placeholder: stack ? new URL(stack.url).pathname : '/',
    spellcheck: 'false',
    on: { input: () => (draft.path = path.value.trim()) },
  });
  const right = h(
    'aside',
    { class: 'side send-side', 'aria-label': 'Caller and answer' },
    h('h2', { class: 'first' }, 'Caller'),
    callerFields(),
    h('div', { class: 'field' }, h('label', { for: 'compose-path' }, 'Path'), path),
    h(
      'label',
      { class: 'check', for: 'exact' },
      exact,
      h('span', {}, 'Byte for byte ', h('small', { class: 'dim' }, 'even if it is no JSON; the session is left alone')),
    ),
    send,
    h('h2', {}, 'Answer'),
    result,
  );
  const problems = new Map(); // of the form, by parameter
  let views = null;

  function drawStarts() {
    const link = (name, note, f) =>
      h(
        'li',
        {},
        h('button', { type: 'button', class: 'start', 'aria-current': draft.from === note ? 'true' : undefined, on: { click: f } }, h('b', {}, name)),
      );
    const tagged = (stack?.routes ?? []).filter((r) => r.tag);
    replace(
      starts,
      h('h2', { class: 'first' }, 'Tags'),
      tagged.length
        ? h(
            'ul',
            { class: 'plain' },
            tagged.map((r) =>
              link(r.tag, 'tag ' + r.tag, async () => {
                await trying(() => fromTag(r.tag));
                draw();
              }),
            ),
          )
        : h('p', { class: 'dim' }, 'The function has no tags.'),
      h('h2', {}, 'Saved conversations'),
      savedBox,
      h('h2', {}, 'Calls'),
      h('p', { class: 'dim' }, 'Edit… of a ', h('a', { href: '#/calls' }, 'call'), ' brings it here.'),
    );
  }
  const savedBox = h('div', {}, h('p', { class: 'dim' }, '…'));
  trying(async () => {
    const names = await get('/api/saved');
    replace(
      savedBox,
      names.length
        ? h(
            'ul',
            { class: 'plain' },
            names.map((name) =>
              h('li', {}, h('details', { on: { toggle: (e) => e.target.open && openSaved(name, e.target) } }, h('summary', {}, name))),
            ),
          )
        : h(
            'p',
            { class: 'dim' },
            'None. “Save as test” of a call makes one, where the stack was started with ',
            h('code', {}, '--request DIR'),
            '.',
          ),
    );
  });
  async function openSaved(name, into) {
    const saved = await trying(() => get('/api/saved/' + encodeURIComponent(name)));
    if (!saved) return;
    replace(
      into,
      h('summary', {}, name),
      saved.comment?.trim() && h('p', { class: 'dim' }, saved.comment.trim()),
      h(
        'ul',
        { class: 'plain' },
        saved.turns.map((t, i) =>
          h(
            'li',
            {},
            h(
              'button',
              {
                type: 'button',
                class: 'start',
                on: {
                  click: () => {
                    draft.text = write(t.request);
                    draft.from = `${name}, turn ${i + 1}`;
                    draft.exact = false;
                    draw();
                  },
                },
              },
              `turn ${i + 1} `,
              h('small', { class: 'dim' }, t.request?.fulfillmentInfo?.tag ?? ''),
            ),
          ),
        ),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'small',
          on: {
            click: async () => {
              const made = await trying(() => post(`/api/saved/${encodeURIComponent(name)}/play`));
              if (made?.calls.length) location.hash = '#/calls/' + made.calls.at(-1);
            },
          },
        },
        'Play all',
      ),
    );
  }

  function change(f) {
    const req = read(draft.text);
    if (!req || typeof req !== 'object') return;
    f(req);
    draft.text = write(req);
  }

  const drawForm = () => requestForm({ text: draft.text, change, problems, redraw: () => views.show(0), mend: () => views.show(1) });

  function drawJSON() {
    const e = editor('WebhookRequest as JSON', draft.text, (text) => (draft.text = text));
    return [
      e.node,
      h(
        'div',
        { class: 'row' },
        h(
          'button',
          {
            type: 'button',
            class: 'small',
            on: {
              click: () => {
                draft.text = pretty(draft.text);
                e.set(draft.text);
              },
            },
          },
          'Format',
        ),
        h('span', { class: 'dim' }, 'Tab leaves the field. Ctrl+Enter sends.'),
      ),
    ];
  }

  function draw() {
    exact.checked = draft.exact;
    path.value = draft.path;
    drawStarts();
    views = tabs(
      'The request',
      [
        { id: 'form', name: 'Form', draw: drawForm },
        { id: 'json', name: 'JSON', draw: drawJSON },
      ],
      draft.tab,
      (id) => (draft.tab = id),
    );
    replace(
      middle,
      h(
        'header',
        { class: 'call-head' },
        h('div', {}, h('h1', {}, 'Compose'), h('p', { class: 'dim' }, draft.from ? 'From ' + draft.from + '.' : 'Choose a tag, or write the JSON.')),
      ),
      views.strip,
      views.panel,
    );
    drawResult();
  }

  async function go() {
    if (!draft.exact) {
      const problem = scan(draft.text).problem;
      const wrong = [...problems.values()].filter(Boolean);
      if (draft.tab === 'form' && wrong.length) {
        say('Not sent: ' + wrong[0], 'bad');
        middle.querySelector('[aria-invalid="true"]')?.focus();
        return;
      }
      if (problem) {
        views.show(1);
        middle.querySelector('.editor .link')?.click();
        say('Not sent: it is no JSON. “Byte for byte” sends it all the same.', 'bad');
        return;
      }
    }
    send.disabled = true;
    const with_ = { ...asSend(), ...(draft.path ? { path: draft.path } : {}) };
    const body = draft.exact ? { ...with_, body: base64(draft.text) } : null;
    const made = await trying(() => post('/api/calls', body ?? asText(with_, draft.text)));
    send.disabled = false;
    if (!made) return;
    draft.last = remember(made);
    drawResult();
  }

  function drawResult() {
    const c = draft.last;
    if (!c) {
      replace(result, h('p', { class: 'dim' }, 'Not sent yet.'));
      return;
    }
    const failed = c.verdicts.find((v) => v.outcome === 'fail');
    const o = outcome(c);
    const req = read(c.request.body),
      resp = c.status === 200 ? read(c.response.body) : null;
    replace(
      result,
      h('p', {}, mark(o, o), ' ', h('b', { class: 'verdict ' + o }, verdictText(c)), h('span', { class: 'dim' }, ' in ' + micros(c.us))),
      failed &&
        h(
          'section',
          { class: 'why fail' },
          h(
            'p',
            {},
            h('b', {}, `${stationName(failed.station)}: ${failed.check}. `),
            failed.hint ? sentence(failed.hint) : `Presented ${failed.presented}; expected ${failed.expected}.`,
          ),
        ),
      c.note && h('section', { class: 'why warn' }, h('p', {}, sentence(c.note))),
      listOf(resp?.fulfillmentResponse?.messages).map((m) => message(m)),
      changes(req, resp).map((p) =>
        h(
          'p',
          { class: 'event param' },
          h('code', {}, p.how === 'removed' ? p.name : `${p.name} = ${short(p.value, 60)}`),
          ' ',
          h('span', { class: 'how ' + p.how }, p.how),
        ),
      ),
      h(
        'p',
        {},
        h('a', { href: '#/calls/' + c.id, id: 'made' }, `See call #${c.id}`),
        c.session ? [' · ', h('a', { href: '#/conversation/' + encodeURIComponent(sessionID(c.session)) }, 'go on talking')] : '',
      ),
    );
  }

  middle.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      go();
    }
  });

  const show = async ([tag]) => {
    const wanted = tag || (draft.text ? '' : stack?.routes?.find((r) => r.tag)?.tag);
    if (wanted) await trying(() => fromTag(wanted));
    if (tag) history.replaceState(null, '', '#/compose'); // what is written from here on is not the tag's
    draw();
  };
  show(rest);
  return { nodes: [starts, middle, right], show };
}

// asText writes a Send around a request, whose text stays as it is written.
const asText = (send, text) => `{"request":${text},${JSON.stringify(send).slice(1)}`;

function base64(text) {
  let bytes = '';
  for (const b of new TextEncoder().encode(text)) bytes += String.fromCharCode(b);
  return btoa(bytes);
}
