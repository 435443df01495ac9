// The exported agent: its flows and pages, where they call, and who answers.

import { h, replace } from './dom.js';
import { get } from './api.js';
import { on } from './store.js';

const marks = {
  yes: ['ok', '✓', 'handled'],
  fallback: ['warn', '~', 'by the fallback'],
  no: ['bad', '✗', 'nobody answers'],
};

export function agentView() {
  const box = h('section', { class: 'page map' }, h('h1', {}, 'Agent'));
  let shown = '';
  async function draw() {
    let map;
    try {
      map = await get('/api/agent');
    } catch {
      return; // the bar over the page says why
    }
    if (!map) {
      replace(
        box,
        h('h1', {}, 'Agent'),
        h('p', {}, 'With an export of your agent, this is its map: where it calls, and which handler answers.'),
        h('p', {}, h('code', {}, 'go run ./cmd/local serve --agent EXPORT')),
      );
      return;
    }
    const now = JSON.stringify(map);
    if (now === shown) return; // a place that somebody reads stays where it is
    shown = now;
    const all = map.flows.flatMap((f) => f.pages.flatMap((p) => p.calls));
    const open = all.filter((c) => c.handled === 'no');
    replace(
      box,
      h('h1', {}, map.name || 'Agent'),
      h(
        'p',
        { class: open.length ? 'bad' : 'dim' },
        `${all.length} call${all.length === 1 ? '' : 's'} of webhooks, `,
        open.length ? `${open.length} of which nobody answers: the caller hears an error there.` : 'all of them answered.',
      ),
      map.unused.length > 0 && h('p', { class: 'dim' }, 'Answered, and called from nowhere: ', map.unused.map((t) => [h('code', {}, t), ' '])),
      map.flows.map(flow),
    );
  }
  const stop = on('stack', draw); // new code may answer more, or less
  draw();
  return { nodes: [box], close: stop };
}

function flow(f) {
  return [h('h2', {}, f.name ? 'Flow ' + f.name : 'Route groups of the agent'), h('ul', { class: 'pages' }, f.pages.map(page))];
}

function page(p) {
  const worst = ['no', 'fallback', 'yes'].find((handled) => p.calls.some((c) => c.handled === handled));
  return h(
    'li',
    { class: 'map-page ' + (worst ? marks[worst][0] : 'quiet') },
    h('h3', {}, p.name || 'Start page', p.group && h('small', { class: 'dim' }, ' route group')),
    p.form.length > 0 && h('p', { class: 'dim' }, 'asks for ', p.form.map((name) => [h('code', {}, name), ' '])),
    p.calls.length > 0 && h('ul', { class: 'plain' }, p.calls.map(call)),
    p.leads.length > 0 && h('p', { class: 'leads dim' }, '→ ', p.leads.join(', ')),
  );
}

function call(c) {
  const [kind, mark, words] = marks[c.handled];
  return h(
    'li',
    { title: c.where },
    h('span', { class: kind, 'aria-hidden': true }, mark, ' '),
    h('b', {}, c.path || c.tag || 'no tag'),
    h('small', { class: 'dim' }, ' on ', c.trigger, ', ', words, c.silent ? ', a failure goes unnoticed' : ''),
    c.handled !== 'no' && c.tag && !c.path && h('a', { href: '#/compose/' + encodeURIComponent(c.tag), class: 'try' }, 'Compose', h('span', { class: 'unseen' }, ' ', c.tag)),
  );
}
