// Talking to the webhook: the sessions, one of them as a chat, and what it
// remembers.

import { clock, h, replace, sessionID } from './dom.js';
import { get, post, remove } from './api.js';
import { detail, list, on, remember, soon, stack } from './store.js';
import { read, write } from './json.js';
import { asSend, callerFields, newSession, notHere, request } from './caller.js';
import { chat, changes, ofSession } from './chat.js';
import { field, place } from './form.js';
import { formTable, parameterTable } from './state.js';
import { outcome } from './calls.js';
import { save } from './actions.js';
import { say, trying } from './say.js';

let tag = ''; // chosen last

export function conversationView(rest) {
  const sessions = h('nav', { class: 'side list', 'aria-label': 'Sessions' });
  const flow = h('div', { class: 'flow', tabindex: 0, role: 'log', 'aria-label': 'Conversation' });
  const state = h('aside', { class: 'side', 'aria-label': 'What the session remembers' });
  const head = h('header', { class: 'call-head' });
  let id = '';
  let values = {}; // of the tag's parameters, for the next turn

  const name = () => list().find((c) => sessionID(c.session) === id)?.session ?? `${stack?.agent}/sessions/${id}`;

  function drawSessions() {
    const latest = new Map();
    for (const c of list()) if (c.session && !latest.has(c.session)) latest.set(c.session, c);
    const rows = [...latest.values()];
    replace(
      sessions,
      h(
        'div',
        { class: 'list-head' },
        stack?.mode === 'public'
          ? null
          : h(
              'button',
              { type: 'button', class: 'wide', on: { click: () => (location.hash = '#/conversation/' + newSession('chat')) } },
              'New conversation',
            ),
      ),
      rows.length
        ? h(
            'ol',
            { class: 'call-list' },
            rows.map((c) => {
              const n = ofSession(c.session).length;
              return h(
                'li',
                {},
                h(
                  'a',
                  {
                    class: 'call ' + outcome(c),
                    href: '#/conversation/' + encodeURIComponent(sessionID(c.session)),
                    'aria-current': sessionID(c.session) === id ? 'true' : undefined,
                  },
                  h('span', { class: 'what' }, h('b', {}, sessionID(c.session)), h('small', {}, `${n} call${n > 1 ? 's' : ''}`)),
                  h('span', { class: 'num' }, h('small', {}, clock(c.time))),
                ),
              );
            }),
          )
        : h('p', { class: 'empty' }, 'Nobody has talked yet.'),
    );
  }

  let drawn = ''; // session and last call
  function drawChat() {
    const all = ofSession(name());
    const now = id + ' ' + all.map((c) => c.seq).join();
    if (now === drawn) return;
    drawn = now;
    replace(
      head,
      h(
        'div',
        {},
        h('h1', {}, 'Conversation ', h('span', { class: 'dim' }, id)),
        h('p', { class: 'dim' }, all.length ? `${all.length} call${all.length > 1 ? 's' : ''}` : 'A new session: it remembers nothing yet.'),
      ),
      h(
        'button',
        {
          type: 'button',
          disabled: !all.length,
          title: 'Keep its calls as a conversation that cxtest plays',
          on: {
            click: () =>
              save(
                ofSession(name()).map((c) => c.id),
                id.replace(/[^A-Za-z0-9._ -]/g, '-'),
              ),
          },
        },
        'Save as test…',
      ),
    );
    const box = chat(name(), { choose: stack?.mode === 'public' ? undefined : (text) => sendTurn(text) });
    box.addEventListener(
      'filled',
      async () => {
        flow.scrollTop = flow.scrollHeight;
        drawState(all);
      },
      { once: true },
    );
    replace(flow, box);
  }

  // drawState shows what the agent keeps; of a real agent, what its last call said.
  async function drawState(all) {
    const mine = id;
    const last = all.length ? await detail(all.at(-1).id) : null;
    const req = last && read(last.request.body),
      resp = last?.status === 200 ? read(last.response.body) : null;
    let kept = null;
    if ((await get('/api/sessions')).some((s) => s.name === name())) {
      // else it is new, or a real agent's
      kept = await get('/api/sessions/' + encodeURIComponent(name()));
    }
    if (mine !== id) return;
    const changed = changes(req, resp).filter((p) => !kept || p.how === 'removed' || p.name in kept.parameters);
    replace(
      state,
      h('h2', { class: 'first' }, 'Session parameters'),
      parameterTable(kept ? kept.parameters : req?.sessionInfo?.parameters, changed),
      h('h2', {}, 'Page and form'),
      kept
        ? formTable(
            {
              currentPage: kept.page,
              displayName: req?.pageInfo?.currentPage === kept.page ? req.pageInfo.displayName : '',
              formInfo: { parameterInfo: kept.form },
            },
            resp?.pageInfo,
          )
        : formTable(req?.pageInfo, resp?.pageInfo),
      kept &&
        h(
          'p',
          {},
          h(
            'button',
            {
              type: 'button',
              class: 'small',
              title: 'The next call of this session is its first',
              on: {
                click: () =>
                  trying(async () => {
                    await remove('/api/sessions/' + encodeURIComponent(name()));
                    say('The agent remembers nothing of ' + id + '.');
                    drawState(ofSession(name()));
                  }),
              },
            },
            'Forget this session',
          ),
        ),
      stack?.mode === 'public' ? null : [h('h2', {}, 'Caller'), callerFields()],
    );
  }

  // What is said next.
  const text = h('input', { id: 'say', 'aria-label': 'Say something', placeholder: 'Say something…', autocomplete: 'off' });
  const tags = h('select', {
    id: 'say-tag',
    'aria-label': 'Tag of the webhook call',
    on: {
      change: () => {
        tag = tags.value;
        drawFields();
      },
    },
  });
  const fields = h('div', { class: 'columns' });
  const details = h('details', { class: 'say-more' }, h('summary', {}, 'Parameters'), fields);
  const problems = new Map();
  const composer = h(
    'form',
    {
      class: 'composer',
      on: {
        submit: (e) => {
          e.preventDefault();
          sendTurn(text.value);
        },
      },
    },
    details,
    h('div', { class: 'row' }, text, h('label', { for: 'say-tag', class: 'dim' }, 'tag'), tags, h('button', { class: 'primary' }, 'Send')),
  );

  function drawFields() {
    values = {};
    problems.clear();
    const route = stack?.routes?.find((r) => r.tag === tag);
    const list = route?.parameters ?? [];
    details.hidden = !list.length;
    replace(
      fields,
      list.map((p) =>
        field({ ...p, required: false }, undefined, (v, problem) => {
          problems.set(p.name, problem);
          values[p.source + ' ' + p.name] = { p, v };
        }),
      ),
    );
  }

  async function sendTurn(said) {
    const wrong = [...problems.values()].find(Boolean);
    if (wrong) {
      details.open = true;
      fields.querySelector('[aria-invalid="true"]')?.focus();
      return;
    }
    const req = request(tag, id, said);
    req.sessionInfo.session = name();
    for (const { p, v } of Object.values(values)) if (v !== undefined) place.put(req, p, v);
    const made = await trying(() => post('/api/calls', `{"request":${write(req)},${JSON.stringify(asSend()).slice(1)}`));
    if (!made) return;
    remember(made);
    text.value = '';
    drawFields();
    text.focus();
  }

  const known = (stack?.routes ?? []).filter((r) => r.tag);
  if (!known.some((r) => r.tag === tag)) tag = known[0]?.tag ?? '';
  replace(
    tags,
    known.map((r) => h('option', { value: r.tag, selected: r.tag === tag }, r.tag)),
  );
  drawFields();

  const stop = on(
    'calls',
    soon(() => {
      drawSessions();
      drawChat();
    }),
  );
  const show = ([wanted]) => {
    id = wanted || sessionID(list().find((c) => c.session)?.session) || newSession('chat');
    drawSessions();
    drawChat();
  };
  show(rest);
  const middle =
    stack?.mode === 'public' && !list().length
      ? notHere('Conversation')
      : h('section', { class: 'detail talk', 'aria-label': 'Conversation' }, head, flow, stack?.mode === 'public' ? null : composer);
  return { nodes: [sessions, middle, state], show, close: stop, keys: () => [['/', 'say something', () => text.focus()]] };
}
