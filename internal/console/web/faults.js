// What can be broken on purpose, as switches.

import { h, replace } from './dom.js';
import { put } from './api.js';
import { faults, on, setFaults } from './store.js';
import { trying } from './say.js';

export function faultsView() {
  const box = h('div', { class: 'switches' });
  function draw() {
    const focused = document.activeElement?.dataset?.fault;
    replace(
      box,
      faults.length
        ? faults.map((f) =>
            h(
              'div',
              { class: 'switch-row card' },
              h(
                'button',
                {
                  type: 'button',
                  role: 'switch',
                  class: 'switch',
                  'aria-checked': String(f.on),
                  'aria-labelledby': 'fault-' + f.name,
                  'aria-describedby': `fault-${f.name}-help`,
                  'data-fault': f.name,
                  on: { click: () => trying(async () => setFaults(await put('/api/faults/' + encodeURIComponent(f.name), { on: !f.on }))) },
                },
                h('i', {}),
              ),
              h(
                'div',
                {},
                h('b', { id: 'fault-' + f.name }, f.name.replaceAll('-', ' ')),
                h('p', { class: 'dim', id: `fault-${f.name}-help` }, f.help),
              ),
              h('span', { class: 'state-word ' + (f.on ? 'on' : '') }, f.on ? 'broken' : 'whole'),
            ),
          )
        : h('p', { class: 'empty' }, 'This stack has nothing to break.'),
    );
    if (focused) box.querySelector(`[data-fault="${focused}"]`)?.focus();
  }
  const stop = on('faults', draw);
  draw();
  return {
    nodes: [
      h(
        'section',
        { class: 'page' },
        h('h1', {}, 'Faults'),
        h(
          'p',
          { class: 'lead' },
          'Break something on purpose, and see what the agent hears. A fault lasts until it is switched off or the stack stops.',
        ),
        box,
      ),
    ],
    close: stop,
  };
}
