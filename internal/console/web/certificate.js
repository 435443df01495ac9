// The certificate that was presented, drawn as the chain that it is, and what the
// load balancer said of it.

import { h, mark } from './dom.js';

// named takes a name apart: "CN=Google LLC,O=…" is its common name, and the rest.
function named(dn) {
  const parts = dn.split(/(?<!\\),/);
  const cn = parts.find((p) => p.startsWith('CN='));
  return { cn: cn ? cn.slice(3).replace(/\\(.)/g, '$1') : dn || '(no name)', rest: parts.filter((p) => p !== cn).join(', ') };
}

const day = (time) => new Date(time).toISOString().slice(0, 10);

export function chain(c) {
  const list = c.chain ?? [];
  if (!list.length) {
    const none =
      c.way === 'tunnel'
        ? 'The tunnel terminates TLS: which certificate was presented to it, nobody here knows.'
        : c.way === 'outsider' || c.way === 'internal'
          ? 'The call went round the load balancer: no certificate was presented to anybody. What its headers say of one, it made up.'
          : c.clientCert === 'none' || c.verdicts.some((v) => v.station === 'handshake' && v.presented.includes('no client certificate'))
            ? 'The caller presented no certificate.'
            : 'Which certificates were presented is not known.';
    return [h('p', { class: 'empty' }, none), judgement(c)];
  }
  const now = new Date(c.time);
  const last = list.at(-1);
  const items = list.map((cert, i) => {
    const name = named(cert.subject);
    const dead = now < new Date(cert.notBefore) || now > new Date(cert.notAfter);
    return h(
      'li',
      { class: 'cert' + (dead ? ' fail' : '') },
      h(
        'div',
        { class: 'card' },
        h('span', { class: 'role' }, i === 0 ? 'leaf' : cert.subject === cert.issuer ? 'root' : 'intermediate'),
        h('h3', {}, name.cn),
        name.rest && h('p', { class: 'dim' }, name.rest),
        h(
          'dl',
          { class: 'facts' },
          fact(
            'valid',
            h('span', {}, day(cert.notBefore), ' to ', day(cert.notAfter), dead && h('b', { class: 'bad' }, ' — not at the time of the call')),
          ),
          cert.sans?.length && fact('SANs', h('code', {}, cert.sans.join(', '))),
          fact('key', cert.key),
          fact('serial', h('code', {}, cert.serial)),
          fact('SHA-256', h('code', {}, cert.fingerprint)),
        ),
      ),
    );
  });
  const top =
    last.subject === last.issuer
      ? null
      : h(
          'li',
          { class: 'cert outside' },
          h(
            'div',
            { class: 'card' },
            h('span', { class: 'role' }, 'issuer'),
            h('h3', {}, named(last.issuer).cn),
            h('p', { class: 'dim' }, 'Not presented: whoever verifies has to have it.'),
          ),
        );
  return [h('ol', { class: 'chain', 'aria-label': 'Certificates, leaf first' }, items, top), judgement(c)];
}

// judgement is what the function made of it.
function judgement(c) {
  const judged = c.verdicts.filter((v) => v.station === 'certificate' && v.outcome !== 'skip');
  if (!judged.length) return h('p', { class: 'dim' }, 'The function did not get to judge it.');
  return h(
    'ul',
    { class: 'judged' },
    judged.map((v) => h('li', {}, mark(v.outcome, v.outcome), ' ', h('b', {}, v.check), ' ', v.presented)),
  );
}

const fact = (name, value) => [h('dt', {}, name), h('dd', {}, value)];

// encodings say how a header's value is encoded.
const encodings = [
  [/-(Leaf|Chain)$/i, 'RFC 9440'],
  [/-Dn$/i, 'base64 of the DER'],
  [/-Hash$/i, 'base64 of the SHA-256'],
  [/-(Dnsname|Uri)-Sans$/i, 'base64, comma-separated'],
  [/-Serial-Number$/i, 'hex'],
  [/-Valid-/i, 'RFC 3339'],
];

// forwarded is the table of the headers that the load balancer set.
export function forwarded(c) {
  const names = Object.keys(c.forwarded ?? {}).sort();
  if (!names.length) return h('p', { class: 'dim' }, c.way ? 'There was no load balancer on this way.' : 'The load balancer forwarded nothing.');
  return h(
    'table',
    { class: 'pairs' },
    h(
      'tbody',
      {},
      names.flatMap((name) =>
        c.forwarded[name].map((value) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, name, h('small', { class: 'rule' }, encodings.find(([pattern]) => pattern.test(name))?.[1] ?? '')),
            h('td', {}, value === '' ? h('span', { class: 'dim' }, 'empty') : h('code', {}, value)),
          ),
        ),
      ),
    ),
  );
}
