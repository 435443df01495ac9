// A conversation as the end user lives it: the calls of one session, as bubbles.

import { h, mark, micros, replace, sessionID } from './dom.js';
import { detail, list } from './store.js';
import { listOf, members, read, short } from './json.js';
import { outcome, statusText } from './calls.js';
import { message } from './rich.js';
import { formTable, parameterTable } from './state.js';

const shownTurns = 30;

// ofSession gives the summaries of a session, in the order of their calls.
export const ofSession = (name) =>
  list()
    .filter((c) => c.session === name)
    .reverse();

// heard is what the end user did.
function heard(req) {
  if (req.text) return h('div', { class: 'bubble user' }, req.text);
  if (req.transcript) return h('div', { class: 'bubble user' }, req.transcript, h('small', {}, 'spoken'));
  if (req.dtmfDigits) return h('div', { class: 'bubble user' }, req.dtmfDigits, h('small', {}, 'keys'));
  if (req.triggerEvent) return h('p', { class: 'event' }, 'event ', h('code', {}, req.triggerEvent));
  if (req.triggerIntent) return h('p', { class: 'event' }, 'intent ', h('code', {}, String(req.triggerIntent).split('/').pop()));
  return null;
}

// changes lists what a response did to the session's parameters.
export function changes(req, resp) {
  const before = members(req?.sessionInfo?.parameters);
  return Object.entries(members(resp?.sessionInfo?.parameters))
    .map(([name, value]) => ({
      name,
      value,
      how: value === null ? 'removed' : name in before ? (JSON.stringify(before[name]) === JSON.stringify(value) ? 'same' : 'changed') : 'new',
    }))
    .filter((c) => c.how !== 'same');
}

// turn draws one call of a conversation.
export function turn(c, choose, here) {
  const req = members(read(c.request.body)),
    resp = c.status === 200 ? members(read(c.response.body)) : {};
  const o = outcome(c);
  const replaces = resp.fulfillmentResponse?.mergeBehavior === 'REPLACE';
  const messages = listOf(resp.fulfillmentResponse?.messages);
  const target = resp.targetPage || resp.targetFlow;
  const invalid = listOf(resp.pageInfo?.formInfo?.parameterInfo).filter((p) => p?.state === 'INVALID');
  return h(
    'div',
    { class: 'turn' + (here ? ' here' : ''), role: 'group', 'aria-label': `call ${c.id}` },
    heard(req),
    h(
      'div',
      {
        class: replaces ? 'before replaced' : 'before',
        title: replaces ? 'The webhook replaced what the agent had said.' : 'Said before the webhook was called.',
      },
      listOf(req.messages).map((m) => message(m, choose)),
    ),
    h(
      'p',
      { class: 'event ' + o },
      mark(o),
      ' ',
      h('a', { href: '#/calls/' + c.id }, 'webhook ', h('b', {}, c.tag || c.path || '')),
      ` → ${statusText(c)}`,
      c.done ? ` in ${micros(c.us)}` : '',
      c.reason ? [h('br'), c.reason] : '',
      c.event ? [' · ', c.event] : '',
      c.silent ? ' · unnoticed' : '',
      c.attempt > 1 ? ` · attempt ${c.attempt}` : '',
      c.source === 'replay' ? ' · replay' : '',
    ),
    messages.map((m) => message(m, choose)),
    changes(req, resp).map((p) =>
      h(
        'p',
        { class: 'event param' },
        h('code', {}, p.how === 'removed' ? p.name : `${p.name} = ${short(p.value, 60)}`),
        ' ',
        h('span', { class: 'how ' + p.how }, p.how),
      ),
    ),
    invalid.map((p) => h('p', { class: 'event param' }, 'form: ', h('code', {}, p.displayName), ' ', h('span', { class: 'how removed' }, 'INVALID'))),
    target && h('p', { class: 'event param' }, 'goes on to ', h('code', { title: target }, String(target).split('/').pop())),
  );
}

// chat gives a place that fills itself with a session's calls, up to and with one
// of them.
export function chat(session, { until, compact, choose }) {
  const box = h('div', { class: 'chat' });
  const state = h('div', { class: 'state' });
  if (!session) {
    replace(box, h('p', { class: 'empty' }, 'The call names no session.'));
    return box;
  }
  const all = ofSession(session).filter((c) => !until || c.id <= until);
  const later = until ? ofSession(session).length - all.length : 0;
  const link = '#/conversation/' + encodeURIComponent(sessionID(session));
  (async () => {
    const got = await Promise.allSettled(all.slice(-shownTurns).map((c) => detail(c.id)));
    const turns = got.filter((r) => r.status === 'fulfilled').map((r) => r.value);
    replace(
      box,
      all.length > shownTurns ? h('p', { class: 'event' }, `${all.length - shownTurns} earlier calls`) : null,
      turns.map((c) => turn(c, choose, compact && c.id === until)),
      later ? h('p', { class: 'event' }, h('a', { href: link }, `${later} later call${later > 1 ? 's' : ''}`)) : null,
    );
    if (compact && turns.length) {
      const last = turns.at(-1);
      const req = read(last.request.body),
        resp = last.status === 200 ? read(last.response.body) : null;
      replace(
        state,
        h('h2', {}, 'Session parameters'),
        parameterTable(req?.sessionInfo?.parameters, changes(req, resp)),
        h('h2', {}, 'Form'),
        formTable(req?.pageInfo, resp?.pageInfo),
      );
    }
    box.querySelector('.turn.here')?.scrollIntoView({ block: 'nearest' }); // once what lies below has its height
    box.dispatchEvent(new CustomEvent('filled', { detail: turns }));
  })();
  return compact
    ? [
        h(
          'div',
          { class: 'chat-scroll', tabindex: 0, role: 'region', 'aria-label': 'Conversation' },
          h('h2', { class: 'first' }, 'Conversation ', h('a', { href: link }, sessionID(session))),
          box,
        ),
        state,
      ]
    : box;
}
