// Who calls, and with what: the choice of identity, token and an attacker's way.

import { h } from './dom.js';
import { stack } from './store.js';

const identities = {
  google: 'Dialogflow’s own: CN=Google LLC',
  legacy: 'the one before: *.dialogflow.com',
  custom: 'your agent’s own CA; refused unless it is configured',
  mallory: 'the right CA, the wrong name',
  rogue: 'the right name, the wrong CA',
  expired: 'ended yesterday',
  none: 'no certificate',
};
const tokens = {
  valid: 'of your project’s Dialogflow',
  none: 'no token',
  expired: 'an hour too late',
  'wrong-audience': 'for another service',
  'wrong-email': 'of another project’s Dialogflow',
  unsigned: 'alg none',
  'es256-short': 'ES256 with a short signature',
  'other-key': 'signed with a key that is not Google’s',
  'other-agent': 'of another account, genuine',
};
const ways = {
  outsider: 'round the load balancer, with forged headers',
  internal: 'the same from inside, with a valid token',
  replay: 'a stolen token, by another customer’s agent',
  flexible: 'a forged session, by a flexible webhook',
};
const good = new Set(['google', 'legacy', 'valid']);

// caller is what is chosen; it stays when the view goes.
export const caller = { clientCert: 'google', token: 'valid', spoof: '', routeTarget: false };

// callerFields draws the choices.
export function callerFields(onChange = () => {}) {
  const choice = (name, label, kinds, about) => {
    const id = 'caller-' + name;
    const note = h('small', { class: 'dim', id: id + '-note' });
    const select = h('select', {
      id,
      'aria-describedby': id + '-note',
      on: {
        change: () => {
          caller[name] = select.value;
          say();
          onChange();
        },
      },
    });
    const option = (kind) => h('option', { value: kind, selected: caller[name] === kind }, kind);
    select.append(
      h('optgroup', { label: 'Good' }, kinds.filter((k) => good.has(k)).map(option)),
      h('optgroup', { label: 'Bad' }, kinds.filter((k) => !good.has(k)).map(option)),
    );
    function say() {
      note.textContent = about[caller[name]] ?? '';
      select.classList.toggle('is-bad', !good.has(caller[name]));
    }
    say();
    return { node: h('div', { class: 'field' }, h('label', { for: id }, label), select, note), select };
  };
  const certificate = choice('clientCert', 'Client certificate', stack?.clientCerts ?? [], identities);
  const token = choice('token', 'Token', stack?.tokens ?? [], tokens);
  const note = h('small', { class: 'dim', id: 'caller-spoof-note' });
  const spoof = h(
    'select',
    {
      id: 'caller-spoof',
      'aria-describedby': 'caller-spoof-note',
      on: {
        change: () => {
          caller.spoof = spoof.value;
          settle();
          onChange();
        },
      },
    },
    h('option', { value: '' }, 'no'),
    (stack?.spoofs ?? []).map((k) => h('option', { value: k, selected: caller.spoof === k }, k)),
  );
  if (!(stack?.spoofs ?? []).includes(caller.spoof)) caller.spoof = '';
  function settle() {
    // an attacker has a certificate and a token of its own
    note.textContent = ways[caller.spoof] ?? '';
    spoof.classList.toggle('is-bad', Boolean(caller.spoof));
    certificate.select.disabled = token.select.disabled = Boolean(caller.spoof);
  }
  settle();
  const target = h('input', { type: 'checkbox', id: 'caller-target', on: { change: () => (caller.routeTarget = target.checked) } });
  target.checked = caller.routeTarget;
  return [
    certificate.node,
    token.node,
    h('div', { class: 'field' }, h('label', { for: 'caller-spoof' }, 'Attack'), spoof, note),
    h(
      'label',
      { class: 'check', for: 'caller-target' },
      target,
      h('span', {}, 'The route that calls has a target ', h('small', { class: 'dim' }, 'a failure then goes unnoticed')),
    ),
  ];
}

// asSend is the choice as members of a Send.
export const asSend = () => (caller.spoof ? { spoof: caller.spoof, routeTarget: caller.routeTarget } : { ...caller, spoof: undefined });

// setCaller takes over who made a call.
export function setCaller(c) {
  caller.spoof = c.way === 'outsider' || c.way === 'internal' ? c.way : '';
  if (stack?.clientCerts?.includes(c.clientCert)) caller.clientCert = c.clientCert;
  if (stack?.tokens?.includes(c.token)) caller.token = c.token;
}

// request makes a WebhookRequest for a tag in a session.
export const request = (tag, session, text) => ({
  detectIntentResponseId: crypto.randomUUID(),
  ...(text ? { text } : {}),
  languageCode: 'en',
  fulfillmentInfo: { tag },
  sessionInfo: { session: `${stack.agent}/sessions/${session}`, parameters: {} },
});

// newSession makes an id.
export const newSession = (prefix) => `${prefix}-${crypto.randomUUID().slice(0, 4)}`;

// notHere is what stands where no calls can be made.
export const notHere = (what) =>
  h(
    'section',
    { class: 'page' },
    h('h1', {}, what),
    h(
      'p',
      { class: 'lead' },
      'This stack answers a real agent, and only Google can make a token that it accepts. Talk to the agent, and see its calls under ',
      h('a', { href: '#/calls' }, 'Calls'),
      '. To make calls, start one without ',
      h('code', {}, '--public-url'),
      '.',
    ),
  );
