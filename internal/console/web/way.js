// The way of a call as a picture: its stations, and where the time went.

import { h, mark, micros, s } from './dom.js';

const names = {
  handshake: 'Handshake',
  headers: 'Load balancer',
  edge: 'Edge secret',
  certificate: 'Certificate',
  token: 'Token',
  basic: 'Basic',
  header: 'Header',
  request: 'Request',
  agent: 'Agent',
  session: 'Session token',
  route: 'Route',
  handler: 'Handler',
  response: 'Response',
};

export const stationName = (id) => names[id] ?? id;

// shortNames stand where the picture has no room.
const shortNames = { headers: 'Balancer', edge: 'Edge', session: 'Session' };

const rank = { fail: 3, warn: 2, pass: 1, skip: 0 };
const words = { pass: 'passed', fail: 'failed', warn: 'passed with a warning', skip: 'not reached', none: 'no part of this way' };

// stations joins the verdicts of each. Some policies have more of them than others.
function stations(c) {
  return [...new Set(c.verdicts.map((v) => v.station))].map((id) => {
    const all = c.verdicts.filter((v) => v.station === id);
    const worst = all.reduce((a, v) => (rank[v.outcome] > rank[a.outcome] ? v : a), { outcome: 'skip', presented: '' });
    const apart = worst.outcome === 'skip' && !(all[0]?.presented ?? '').startsWith('the call did not');
    return { id, outcome: apart ? 'none' : worst.outcome, said: said(id, worst, all, c), us: c.timings[id] };
  });
}

// said is the one thing that is worth saying of a station.
function said(id, worst, all, c) {
  if (worst.outcome === 'fail') return worst.check;
  if (worst.outcome === 'skip') return '';
  const of = (check) => all.find((v) => v.check === check)?.presented ?? '';
  switch (id) {
    case 'handshake':
      return /^TLS [\d.]+/.exec(of('TLS'))?.[0] ?? (c.tls || '');
    case 'headers':
      return /^\d+ headers/.exec(of('set'))?.[0] ?? '';
    case 'certificate':
      return of('identity');
    case 'token':
      return of('email').replace(/@.*/, '');
    case 'route':
      return of('tag');
    case 'response':
      return c.status ? 'HTTP ' + c.status : '';
    default:
      return '';
  }
}

// way draws both. Who clicks a station is led to its checks.
export function way(c) {
  const list = stations(c);
  const go = (id) => {
    document.getElementById('tab-checks')?.click();
    document.getElementById('station-' + id)?.scrollIntoView({ block: 'center' });
  };
  return h(
    'div',
    { class: 'card way' },
    h(
      'ol',
      { class: 'stations', 'aria-label': 'Stations' },
      list.map((st) =>
        h(
          'li',
          { class: st.outcome },
          h(
            'button',
            { type: 'button', title: `${stationName(st.id)}: ${words[st.outcome]}`, on: { click: () => go(st.id) } },
            h('span', { class: 'node' }, mark(st.outcome === 'none' ? 'skip' : st.outcome)),
            h('b', {}, shortNames[st.id] ?? stationName(st.id)),
            h('span', { class: 'unseen' }, ' ' + words[st.outcome]),
            h('small', {}, st.said),
            h('small', { class: 'time' }, st.us > 0 ? micros(st.us) : ''),
          ),
        ),
      ),
    ),
    waterfall(c, list),
  );
}

// waterfall lays the stations' times one after the other. What no station spent lies
// between the handshake and the function: the network, the load balancer, and the
// two ends.
function waterfall(c, list) {
  const total = c.timings.total;
  const spent = list.filter((st) => st.us > 0);
  if (!total || !spent.length) return null;
  const known = spent.reduce((sum, st) => sum + st.us, 0);
  const bars = spent.map((st) => ({ name: stationName(st.id), us: st.us, outcome: st.outcome }));
  if (total > known)
    bars.splice(spent[0].id === 'handshake' ? 1 : 0, 0, {
      name: c.way === 'direct' ? 'Network' : 'Network and load balancer',
      us: total - known,
      outcome: 'between',
    });
  const all = Math.max(total, known);
  const row = 17,
    width = 1000,
    height = bars.length * row;
  let at = 0;
  const rows = bars.map((b, i) => {
    const x = (at / all) * width,
      w = Math.max(2.5, (b.us / all) * width);
    at += b.us;
    const side = x + w < width * 0.68 ? '' : x > width * 0.32 ? 'left' : 'inside';
    return { b, y: i * row, x, w, side };
  });
  return h(
    'figure',
    { class: 'waterfall', 'aria-label': `${micros(total)} in all: ${bars.map((b) => `${b.name} ${micros(b.us)}`).join(', ')}` },
    h(
      'div',
      { class: 'chart', style: { height: height + 'px' } },
      s(
        'svg',
        { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        [0.25, 0.5, 0.75].map((f) =>
          s('line', { x1: f * width, x2: f * width, y1: 0, y2: height, class: 'grid', 'vector-effect': 'non-scaling-stroke' }),
        ),
        rows.map(({ b, x, y, w }) => s('rect', { x, y: y + 4, width: w, height: row - 8, rx: 2, class: b.outcome })),
      ),
      rows.map(({ b, x, y, w, side }) =>
        h(
          'span',
          {
            class: 'tick ' + side,
            'aria-hidden': 'true',
            style: { top: y + 'px', ...(side === 'left' ? { right: 100 - x / 10 + '%' } : { left: (side ? x : x + w) / 10 + '%' }) },
          },
          b.name,
          ' ',
          h('b', {}, micros(b.us)),
        ),
      ),
    ),
    h(
      'figcaption',
      {},
      h('b', {}, micros(total)),
      ' in all',
      total < 5e6
        ? `, ${share(total / 5e6)} of the 5 s for which Dialogflow waits`
        : ': longer than the 5 s for which Dialogflow waits, unless it is told otherwise',
    ),
  );
}

const share = (f) => (f < 0.01 ? 'under 1 %' : Math.round(f * 100) + ' %');
