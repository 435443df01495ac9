// A WebhookRequest as a form.

import { append, h } from './dom.js';
import { members, read, scan } from './json.js';
import { stack } from './store.js';
import { field, place } from './form.js';

export const routeOf = (req) => stack.routes?.find((r) => r.tag === req?.fulfillmentInfo?.tag);

// requestForm draws it. change hands on what is to be done to the decoded request;
// problems hears of each field's.
export function requestForm({ text: json, change, problems, redraw, mend }) {
  problems.clear();
  const req = read(json);
  if (!req || typeof req !== 'object' || Array.isArray(req)) {
    return h(
      'div',
      { class: 'empty' },
      h('p', {}, 'What is written is no JSON object, so there is no form for it.'),
      h('button', { type: 'button', on: { click: mend } }, 'Mend it as JSON'),
    );
  }
  const text = (id, label, value, put, note) =>
    h(
      'div',
      { class: 'field' },
      h('label', { for: id }, label),
      h('input', { id, value: value ?? '', autocomplete: 'off', spellcheck: 'false', on: { input: (e) => change((r) => put(r, e.target.value)) } }),
      note && h('small', { class: 'dim' }, note),
    );
  const within = (o, name) => (o[name] && typeof o[name] === 'object' ? o[name] : (o[name] = {}));
  const route = routeOf(req);
  const known = new Set((route?.parameters ?? []).filter((p) => p.source === 'session').map((p) => p.name));
  const others = Object.entries(members(req.sessionInfo?.parameters)).filter(([name]) => !known.has(name));
  const tags = h(
    'select',
    {
      id: 'compose-tag',
      on: {
        change: (e) => {
          change((r) => (within(r, 'fulfillmentInfo').tag = e.target.value));
          redraw();
          document.getElementById('compose-tag').focus();
        },
      },
    },
    [...new Set([req.fulfillmentInfo?.tag ?? '', ...(stack?.routes ?? []).map((r) => r.tag)])].map((tag) =>
      h(
        'option',
        { value: tag, selected: tag === (req.fulfillmentInfo?.tag ?? '') },
        tag || '(no tag)',
        (stack?.routes ?? []).some((r) => r.tag === tag) ? '' : ' — no route',
      ),
    ),
  );
  const extra = (name = '', value) => {
    const box = h('div', { class: 'pair-row' });
    let before = name;
    const key = h('input', { 'aria-label': 'Name', value: name, placeholder: 'name', spellcheck: 'false' });
    const val = h('input', {
      'aria-label': `Value${name ? ' of ' + name : ''}`,
      value: value === undefined ? '' : JSON.stringify(value),
      placeholder: 'JSON value, as "red" or 2',
      spellcheck: 'false',
      class: 'mono',
    });
    const said = h('p', { class: 'problem' });
    const put = () => {
      const { problem } = scan(val.value);
      said.textContent = problem && val.value ? `Want JSON: ${problem.message}.` : '';
      val.setAttribute('aria-invalid', String(Boolean(problem && val.value)));
      problems.set(box, said.textContent);
      if (problem || !key.value) return;
      change((r) => {
        const parameters = within(within(r, 'sessionInfo'), 'parameters');
        if (before !== key.value) delete parameters[before];
        parameters[key.value] = read(val.value);
      });
      before = key.value;
    };
    key.addEventListener('input', put);
    val.addEventListener('input', put);
    append(box, [
      key,
      val,
      h(
        'button',
        {
          type: 'button',
          class: 'icon',
          'aria-label': `Remove ${name || 'the parameter'}`,
          on: {
            click: () => {
              change((r) => delete r.sessionInfo?.parameters?.[before]);
              problems.delete(box);
              box.remove();
            },
          },
        },
        '×',
      ),
      said,
    ]);
    return box;
  };
  const more = h(
    'div',
    {},
    others.map(([name, value]) => extra(name, value)),
  );
  return h(
    'div',
    { class: 'form' },
    h(
      'div',
      { class: 'columns' },
      h('div', { class: 'field' }, h('label', { for: 'compose-tag' }, 'Tag'), tags),
      text(
        'compose-session',
        'Session',
        String(req.sessionInfo?.session ?? '')
          .split('/sessions/')
          .pop(),
        (r, v) => (within(r, 'sessionInfo').session = `${stack.agent}/sessions/${v}`),
        'Calls in one session share what it remembers.',
      ),
      text('compose-text', 'What was said', req.text, (r, v) => {
        if (v) {
          delete r.triggerEvent;
          delete r.triggerIntent;
          delete r.transcript;
          delete r.dtmfDigits;
          r.text = v;
        } else delete r.text;
      }),
      text('compose-language', 'Language', req.languageCode, (r, v) => (r.languageCode = v)),
    ),
    h('h3', {}, route ? ['What ', h('code', {}, route.name), ' takes'] : 'Parameters'),
    route?.parameters?.length
      ? h(
          'div',
          { class: 'columns' },
          route.parameters.map((p) =>
            field(p, place.get(req, p), (value, problem) => {
              problems.set(p.source + ' ' + p.name, problem);
              if (!problem) change((r) => place.put(r, p, value));
            }),
          ),
        )
      : h('p', { class: 'dim' }, route ? 'Nothing.' : 'No route has this tag: what its handler would take is not known.'),
    h('h3', {}, 'Other session parameters'),
    more,
    h(
      'button',
      {
        type: 'button',
        class: 'small',
        on: {
          click: () => {
            const row = extra();
            more.append(row);
            row.querySelector('input').focus();
          },
        },
      },
      'Add one',
    ),
  );
}
