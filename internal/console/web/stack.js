// What stands where, and what the function answers.

import { h, replace } from './dom.js';
import { on, stack } from './store.js';

export function stackView() {
  const box = h('section', { class: 'page' });
  function draw() {
    if (!stack) return;
    const rows = [
      ['Webhook', stack.url, 'as an agent has it'],
      [
        'Function',
        stack.function && 'http' + (stack.mode === 'direct' ? 's' : '') + '://' + stack.function,
        stack.restarts ? `started anew ${stack.restarts} time${stack.restarts > 1 ? 's' : ''} for new code` : '',
      ],
      ['Policy', stack.policy, 'what a caller has to prove'],
      [
        'Front',
        stack.mode,
        {
          lenient: 'a load balancer that tells the function about a certificate that it cannot verify',
          strict: 'a load balancer that ends the handshake of a certificate that it cannot verify',
          direct: 'no load balancer: the function terminates TLS itself',
          public: 'no load balancer: the tunnel of a real agent',
        }[stack.mode],
      ],
      ['Keys', stack.keysUrl || 'Google’s own', 'that verify ID tokens'],
      ['Agent', stack.agent, 'that the sessions belong to'],
    ];
    replace(
      box,
      h('h1', {}, 'Stack'),
      h(
        'table',
        { class: 'pairs' },
        h(
          'tbody',
          {},
          rows.map(([name, value, note]) =>
            h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, h('code', {}, value), note && h('small', { class: 'rule' }, note))),
          ),
        ),
      ),
      h('h2', {}, 'Routes'),
      stack.routes?.length
        ? h(
            'table',
            { class: 'routes' },
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                ['Tag', 'Handler', 'Budget', 'Takes', ''].map((name) => h('th', { scope: 'col' }, name || h('span', { class: 'unseen' }, 'Try'))),
              ),
            ),
            h(
              'tbody',
              {},
              stack.routes.map((r) =>
                h(
                  'tr',
                  {},
                  h('td', {}, r.tag ? h('b', {}, r.tag) : h('span', { class: 'dim' }, r.fallback ? 'fallback' : 'by match')),
                  h('td', {}, h('code', {}, r.name)),
                  h('td', {}, r.budgetMillis ? r.budgetMillis / 1000 + ' s' : h('span', { class: 'dim' }, 'the webhook’s')),
                  h(
                    'td',
                    {},
                    (r.parameters ?? []).map((p) =>
                      h(
                        'span',
                        { class: 'takes' },
                        h('code', {}, p.name),
                        h('small', { class: 'dim' }, ' ', p.type.replace(/^an? /, ''), p.required ? '' : ', optional'),
                      ),
                    ),
                  ),
                  h('td', {}, r.tag && h('a', { href: '#/compose/' + encodeURIComponent(r.tag), class: 'button small' }, 'Compose')),
                ),
              ),
            ),
          )
        : h('p', { class: 'dim' }, 'None.'),
      stack.paths?.length
        ? [
            h('h2', {}, 'Other paths'),
            h(
              'p',
              {},
              'Flexible webhooks and tools, behind the same proofs: ',
              stack.paths.map((p) => [h('code', {}, p), ' ']),
            ),
          ]
        : null,
    );
  }
  const stop = on('stack', draw);
  draw();
  return { nodes: [box], close: stop };
}
