// What stands in the tabs of a call.

import { h, mark, replace } from './dom.js';
import { get } from './api.js';
import { paint, pretty } from './json.js';
import { stationName } from './way.js';
import { forwarded } from './certificate.js';
import { copy, sentence, trying } from './say.js';

export function checks(c) {
  let before = '';
  const words = { pass: 'pass', fail: 'fail', warn: 'warn', skip: 'skip' };
  const rows = c.verdicts.map((v) => {
    const first = v.station !== before;
    before = v.station;
    const told = v.hint && (v.outcome === 'fail' || v.outcome === 'warn');
    return [
      h(
        'tr',
        { class: v.outcome + (first ? ' first' : ''), id: first ? 'station-' + v.station : undefined },
        h('td', { class: 'm' }, mark(v.outcome), ' ', words[v.outcome]),
        h('td', {}, first ? h('b', {}, stationName(v.station)) : ''),
        h('td', {}, v.outcome === 'skip' ? '' : v.check),
        v.outcome === 'skip'
          ? h('td', { colspan: 2, class: 'dim' }, v.presented)
          : [h('td', {}, h('code', {}, v.presented)), h('td', {}, h('code', {}, v.expected), v.rule && h('small', { class: 'rule' }, v.rule))],
      ),
      told && h('tr', { class: v.outcome + ' told' }, h('td', {}), h('td', { colspan: 4 }, sentence(v.hint))),
    ];
  });
  return h(
    'table',
    { class: 'checks' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ['', 'Station', 'Check', 'Presented', 'Expected, and the rule'].map((name, i) =>
          h('th', { scope: 'col' }, i ? name : h('span', { class: 'unseen' }, 'Outcome')),
        ),
      ),
    ),
    h('tbody', {}, rows),
  );
}

// message shows a body, formatted where it is JSON.
export function message(c, m, side) {
  if (!m.bytes && !m.body) {
    const said =
      side === 'request'
        ? c.source === 'outside'
          ? 'Somebody else sent it: its body was not kept.'
          : 'No body was sent.'
        : c.status
          ? 'The body was not seen.'
          : 'There was no answer.';
    return h('p', { class: 'empty' }, said);
  }
  const text = m.base64 ? m.body : pretty(m.body);
  return [
    h(
      'div',
      { class: 'panel-head' },
      h(
        'span',
        { class: 'dim' },
        `${m.bytes} bytes`,
        m.truncated ? ', of which the first are kept' : '',
        m.base64 ? ', no UTF-8: shown in base64' : '',
        text === m.body ? '' : ', formatted',
      ),
      h('span', { class: 'gap' }),
      h('button', { type: 'button', class: 'small', on: { click: () => copy(m.body) } }, 'Copy'),
      h('a', { class: 'button small', href: `/api/calls/${c.id}/${side}`, download: `call-${c.id}-${side}.json` }, 'Download'),
    ),
    h('pre', { class: 'code', tabindex: 0, 'aria-label': side }, paint(text)),
  ];
}

const headerRows = (header) =>
  Object.keys(header)
    .sort()
    .flatMap((name) =>
      header[name].map((value) =>
        h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value === '' ? h('span', { class: 'dim' }, 'empty') : h('code', {}, value))),
      ),
    );

function headerTable(title, header, none) {
  const rows = headerRows(header ?? {});
  return [h('h3', {}, title), rows.length ? h('table', { class: 'pairs' }, h('tbody', {}, rows)) : h('p', { class: 'dim' }, none)];
}

export function headers(c) {
  return [
    headerTable('Sent', c.request.header, c.source === 'outside' ? 'Somebody else sent them.' : 'Nothing was sent.'),
    h('h3', {}, 'Of the certificate, as the load balancer forwarded them'),
    forwarded(c),
    headerTable('Answered', c.response.header, 'There was no answer.'),
  ];
}

export function token(c) {
  if (!c.bearer)
    return h(
      'p',
      { class: 'empty' },
      c.source === 'outside' ? 'Somebody else sent it: its token was not kept.' : 'The call brought no bearer token.',
    );
  const claims = c.bearer.claims ?? {};
  const times = ['iat', 'nbf', 'exp'].filter((name) => typeof claims[name] === 'number');
  const meaning = {
    aud: 'for which service',
    email: 'who it stands for',
    iss: 'who made it',
    exp: 'until when',
    iat: 'since when',
    nbf: 'not before',
    sub: 'whose account',
    azp: 'to whom it was given',
  };
  const secret = h(
    'div',
    {},
    h(
      'button',
      {
        type: 'button',
        class: 'small',
        on: {
          click: () =>
            trying(async () => {
              const open = await get(`/api/calls/${c.id}?bearer=show`);
              replace(
                secret,
                h('pre', { class: 'code wrap', tabindex: 0, 'aria-label': 'Authorization header' }, open.request.header.Authorization?.[0] ?? ''),
              );
            }),
        },
      },
      'Show the token itself',
    ),
  );
  const wrong = c.verdicts
    .filter((v) => v.station === 'token' && v.outcome === 'fail')
    .map((v) => ({ audience: 'aud', issuer: 'iss', email: 'email', expiry: 'exp' })[v.check]);
  return [
    h('p', { class: 'dim' }, c.bearer.claims === null ? 'It cannot be read.' : 'As it reads, whoever made it. What it is worth is among the checks.'),
    h('h3', {}, 'Header'),
    h('pre', { class: 'code' }, paint(JSON.stringify(c.bearer.header, null, 2))),
    h('h3', {}, 'Claims'),
    h(
      'table',
      { class: 'pairs' },
      h(
        'tbody',
        {},
        Object.entries(claims).map(([name, value]) =>
          h(
            'tr',
            { class: wrong.includes(name) ? 'fail' : undefined },
            h('th', { scope: 'row' }, name, meaning[name] && h('small', { class: 'rule' }, meaning[name])),
            h(
              'td',
              {},
              h('code', {}, typeof value === 'string' ? value : JSON.stringify(value)),
              times.includes(name) && h('small', { class: 'rule' }, new Date(value * 1000).toLocaleString()),
            ),
          ),
        ),
      ),
    ),
    h('h3', {}, 'Token'),
    secret,
  ];
}

export function log(c) {
  if (!c.log)
    return h('p', { class: 'empty' }, c.done ? 'The function wrote no line: the call did not get there.' : 'The function has written no line yet.');
  const text = pretty(JSON.stringify(c.log));
  return [
    h(
      'div',
      { class: 'panel-head' },
      h('span', { class: 'dim' }, 'As Cloud Logging gets it. Who reads it learns who called, and nothing of what was said.'),
      h('span', { class: 'gap' }),
      h('button', { type: 'button', class: 'small', on: { click: () => copy(JSON.stringify(c.log)) } }, 'Copy'),
    ),
    h('pre', { class: 'code', tabindex: 0, 'aria-label': 'Log line' }, paint(text)),
  ];
}
