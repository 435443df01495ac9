// One call: what came of it and why, the way that it went, and everything it had
// with it.

import { clock, h, micros, sessionID, tabs } from './dom.js';
import { outcome, statusText } from './calls.js';
import { way, stationName } from './way.js';
import { chain } from './certificate.js';
import { checks, headers, log, message, token } from './panels.js';
import { curl, replay, save } from './actions.js';
import { edit } from './compose.js';
import { sentence } from './say.js';

export const verdictText = (c) => {
  if (!c.done) return 'under way';
  if (c.reason) return `${statusText(c)} · ${c.reason}`;
  return `${statusText(c)} · ${c.invalid ? 'back to the form' : c.outcome || 'answered'}`;
};

// callView draws a call. tab is the one to show, onTab hears of others.
export function callView(c, { tab, onTab }) {
  const o = outcome(c);
  const failed = c.verdicts.find((v) => v.outcome === 'fail');
  const outside = c.source === 'outside';
  const actions = {
    replay: outside && !c.request.bytes ? undefined : () => replay(c, false),
    exact: outside && !c.request.bytes ? undefined : () => replay(c, true),
    edit: c.request.bytes ? () => edit(c) : undefined,
    curl: c.request.bytes ? () => curl(c) : undefined,
    nextTab: () => t.show((order.findIndex((x) => x.id === chosen) + 1) % order.length),
  };
  let chosen = tab;
  const bad = c.verdicts.filter((v) => v.outcome === 'fail' || v.outcome === 'warn').length;
  const reached = c.verdicts.filter((v) => v.outcome !== 'skip').length;
  const order = [
    { id: 'checks', name: ['Checks ', h('small', {}, bad ? `${reached - bad} of ${reached}` : reached)], draw: () => checks(c) },
    { id: 'request', name: 'Request', draw: () => message(c, c.request, 'request') },
    { id: 'response', name: 'Response', draw: () => message(c, c.response, 'response') },
    { id: 'headers', name: 'Headers', draw: () => headers(c) },
    { id: 'certificate', name: 'Certificate', draw: () => chain(c) },
    { id: 'token', name: 'Token', draw: () => token(c) },
    { id: 'log', name: 'Log line', draw: () => log(c) },
  ];
  const t = tabs('The call in detail', order, tab, (id) => onTab((chosen = id)));
  return {
    actions,
    nodes: [
      h(
        'header',
        { class: 'call-head' },
        h(
          'div',
          {},
          h('h1', {}, c.tag || c.path || 'no tag', ' ', h('span', { class: 'verdict ' + o }, verdictText(c))),
          h(
            'p',
            { class: 'dim' },
            [
              '#' + c.id,
              clock(c.time, true),
              c.attempt > 1 && `attempt ${c.attempt} of Dialogflow’s`,
              c.replayOf ? h('span', {}, 'replay of ', h('a', { href: '#/calls/' + c.replayOf }, '#' + c.replayOf)) : c.source,
              c.session &&
                h('span', {}, 'session ', h('a', { href: '#/conversation/' + encodeURIComponent(sessionID(c.session)) }, sessionID(c.session))),
              c.us ? micros(c.us) : '',
            ]
              .filter(Boolean)
              .flatMap((x, i) => (i ? [' · ', x] : [x])),
          ),
        ),
        h(
          'div',
          { class: 'acts' },
          h(
            'button',
            {
              type: 'button',
              class: 'primary',
              disabled: !actions.replay,
              title: 'Send the same bytes with a new token and handshake (r)',
              on: { click: actions.replay },
            },
            'Replay',
          ),
          h(
            'button',
            { type: 'button', disabled: !actions.exact, title: 'Send the same bytes with the token of then (x)', on: { click: actions.exact } },
            'Replay exactly',
          ),
          h('button', { type: 'button', disabled: !actions.edit, title: 'Change it and send it (e)', on: { click: actions.edit } }, 'Edit…'),
          h(
            'button',
            { type: 'button', disabled: !actions.curl, title: 'A line that makes the same call (c)', on: { click: actions.curl } },
            'Copy as curl',
          ),
          h(
            'button',
            {
              type: 'button',
              disabled: !c.done || !c.status || !c.request.bytes,
              title: 'Keep it as a conversation that cxtest plays',
              on: { click: () => save([c.id], c.tag ? `${c.tag}-${c.id}` : `call-${c.id}`) },
            },
            'Save as test…',
          ),
        ),
      ),
      why(c, failed),
      h('h2', {}, 'The way it went'),
      way(c),
      t.strip,
      t.panel,
    ],
  };
}

// why is what matters most of a call that failed: what was wrong, and the cure.
function why(c, failed) {
  const agent = c.silent
    ? h('p', { class: 'effect' }, 'The agent does not notice: the route that called has a target.')
    : c.event &&
      h('p', { class: 'effect' }, 'The agent sees ', h('code', {}, c.event), ', unless the route that called has a target: then nobody notices.');
  if (failed) {
    return h(
      'section',
      { class: 'why fail', 'aria-label': 'Why' },
      h('p', { class: 'hint' }, h('b', {}, `${stationName(failed.station)}: ${failed.check}. `), sentence(failed.hint)),
      failed.presented || failed.expected
        ? h(
            'dl',
            { class: 'pair' },
            h('dt', {}, 'presented'),
            h('dd', {}, h('code', {}, differing(failed.presented || '(nothing)', failed.expected || ''))),
            h('dt', {}, 'expected'),
            h('dd', {}, h('code', {}, differing(failed.expected, failed.presented || ''))),
          )
        : null,
      c.cause && c.cause !== failed.presented && h('p', {}, 'Cause: ', h('code', {}, c.cause)),
      c.failure && c.failure !== failed.presented && c.failure !== failed.hint && h('p', {}, 'The sender saw: ', h('code', {}, c.failure)),
      agent,
    );
  }
  if (!c.done) return h('p', { class: 'why' }, 'Under way: nobody has said the last word yet.');
  const warned = c.verdicts.filter((v) => v.outcome === 'warn');
  if (c.warn || c.event || c.silent) {
    return h(
      'section',
      { class: 'why warn', 'aria-label': 'Why' },
      c.note && h('p', { class: 'hint' }, sentence(c.note)),
      c.outcome === 'late' &&
        h(
          'p',
          { class: 'hint' },
          h('b', {}, 'The handler was late. '),
          'What the agent heard is the answer that its route has for this, sent before Dialogflow gave up.',
        ),
      c.invalid &&
        h(
          'p',
          { class: 'hint' },
          h('b', {}, 'Back to the form. '),
          'The handler did not take ',
          h('code', {}, c.invalid),
          ', and the agent asks for it again.',
        ),
      warned.map((v) => h('p', { class: 'hint' }, h('b', {}, `${stationName(v.station)}: ${v.check}. `), sentence(v.hint || v.presented))),
      c.cause && h('p', {}, 'Cause: ', h('code', {}, c.cause)),
      agent,
    );
  }
  return null;
}

// differing marks where a text begins to differ from another one until they agree
// again. Prose, and what has little in common, is not marked.
function differing(text, other) {
  if (/\s/.test(text + other)) return [text];
  let head = 0,
    tail = 0;
  while (head < text.length && head < other.length && text[head] === other[head]) head++;
  while (tail < text.length - head && tail < other.length - head && text.at(-1 - tail) === other.at(-1 - tail)) tail++;
  if (head + tail < Math.min(text.length, other.length) / 2 || (head === text.length && head === other.length)) return [text];
  return [
    text.slice(0, head),
    head < text.length - tail ? h('mark', {}, text.slice(head, text.length - tail)) : null,
    text.slice(text.length - tail),
  ];
}
