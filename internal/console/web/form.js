// Fields for what a handler takes, made from its struct.

import { h } from './dom.js';
import { scan } from './json.js';

const examples = {
  date: '{"year": 2026, "month": 11, "day": 25}',
  time: '{"hours": 9, "minutes": 30}',
  duration: '"90s"',
  'date and time': '{"year": 2026, "month": 11, "day": 25, "hours": 9}',
  'amount with a unit': '{"amount": 2, "unit": "kg"}',
  person: '{"name": "Ann"}',
  location: '{"city": "Bern"}',
};

const kindOf = (p) => p.type.replace(/^an? /, '');

// entry says how a parameter's value is written and read: control, toText of a
// value, and parse of a text, which gives a value or throws why it is none.
function entry(p) {
  const kind = kindOf(p);
  const json = {
    placeholder: examples[kind] ?? (kind.startsWith('list') ? '["…"]' : 'JSON'),
    toText: (v) => JSON.stringify(v),
    parse: (text) => {
      const { problem } = scan(text);
      if (problem) throw new Error(`Want ${p.type} as JSON: ${problem.message}.`);
      return JSON.parse(text);
    },
  };
  if (p.values?.length) return { choices: p.values, toText: String, parse: (text) => text };
  if (kind === 'boolean') return { choices: ['true', 'false'], toText: String, parse: (text) => text === 'true' };
  if (kind === 'text') return { toText: (v) => (typeof v === 'string' ? v : JSON.stringify(v)), parse: (text) => text };
  if (kind === 'text or a number') return { toText: (v) => (typeof v === 'string' ? v : JSON.stringify(v)), parse: (text) => text };
  if (kind.startsWith('integer') || kind === 'number') {
    return {
      mode: kind === 'number' ? 'decimal' : 'numeric',
      toText: (v) => JSON.stringify(v),
      parse: (text) => {
        const whole = kind !== 'number';
        if (!(whole ? /^-?\d+$/ : /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/).test(text.trim())) throw new Error(`Want ${p.type}.`);
        if (kind.includes('0 or more') && text.trim().startsWith('-')) throw new Error(`Want ${p.type}.`);
        return JSON.rawJSON && !Number.isSafeInteger(Number(text)) && whole ? JSON.rawJSON(String(BigInt(text.trim()))) : Number(text);
      },
    };
  }
  return json;
}

let fields = 0;

// field is a labelled control for a parameter. set hears of each value, undefined
// where there is none; a text that is no value is said below it, and heard of as a
// problem.
export function field(p, value, set) {
  const id = 'field-' + ++fields;
  if (p.members?.length) return group(p, value, set);
  const e = entry(p);
  const problem = h('p', { class: 'problem', id: id + '-problem' });
  const attributes = {
    id,
    'aria-describedby': `${id}-what ${id}-problem`,
    required: p.required,
    spellcheck: 'false',
    autocomplete: 'off',
    placeholder: p.default ? 'default: ' + p.default : e.placeholder,
    inputmode: e.mode,
    on: { input: changed },
  };
  const control = e.choices
    ? h(
        'select',
        { ...attributes, placeholder: undefined, spellcheck: undefined, autocomplete: undefined },
        h('option', { value: '' }, p.default ? `default: ${p.default}` : '(none)'),
        e.choices.map((c) => h('option', { value: c }, c)),
      )
    : h('input', attributes);
  function changed() {
    const text = control.value;
    problem.textContent = '';
    control.removeAttribute('aria-invalid');
    try {
      set(text === '' ? undefined : e.parse(text));
    } catch (error) {
      problem.textContent = error.message;
      control.setAttribute('aria-invalid', 'true');
      set(undefined, error.message);
    }
  }
  if (value !== undefined && value !== null) {
    control.value = e.toText(value);
    if (e.choices && control.value !== e.toText(value))
      control.append(h('option', { value: e.toText(value), selected: true }, e.toText(value) + ' (not one of them)'));
  }
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, p.name, p.required && h('span', { class: 'dim', title: 'required' }, ' *')),
    control,
    h(
      'small',
      { id: id + '-what', class: 'dim' },
      kindOf(p),
      p.source && p.source !== 'session' ? `, from the ${{ form: 'form', intent: 'intent', original: "end user's words" }[p.source]}` : '',
    ),
    problem,
  );
}

// group is a field of a struct.
function group(p, value, set) {
  const now = typeof value === 'object' && value ? { ...value } : {};
  return h(
    'fieldset',
    { class: 'group' },
    h('legend', {}, p.name, p.required && ' *'),
    p.members.map((m) =>
      field(m, now[m.name], (v, problem) => {
        if (v === undefined) delete now[m.name];
        else now[m.name] = v;
        set(Object.keys(now).length ? { ...now } : undefined, problem);
      }),
    ),
  );
}

// place is where a WebhookRequest has a parameter: get and put work on the decoded
// request.
export const place = {
  get(req, p) {
    switch (p.source) {
      case 'form':
        return req?.pageInfo?.formInfo?.parameterInfo?.find?.((f) => f?.displayName === p.name)?.value;
      case 'intent':
        return req?.intentInfo?.parameters?.[p.name]?.resolvedValue;
      case 'original':
        return req?.intentInfo?.parameters?.[p.name]?.originalValue;
      default:
        return req?.sessionInfo?.parameters?.[p.name];
    }
  },
  put(req, p, value) {
    const within = (o, name, empty = {}) => (o[name] && typeof o[name] === 'object' ? o[name] : (o[name] = empty));
    if (p.source === 'form') {
      const form = within(within(req, 'pageInfo'), 'formInfo');
      const list = Array.isArray(form.parameterInfo) ? form.parameterInfo : (form.parameterInfo = []);
      let entry = list.find((f) => f?.displayName === p.name);
      if (!entry) list.push((entry = { displayName: p.name, required: Boolean(p.required) }));
      entry.state = value === undefined ? 'EMPTY' : 'FILLED';
      if (value === undefined) delete entry.value;
      else entry.value = value;
      return;
    }
    const parameters = within(within(req, p.source === 'intent' || p.source === 'original' ? 'intentInfo' : 'sessionInfo'), 'parameters');
    if (p.source === 'intent' || p.source === 'original') {
      const name = p.source === 'intent' ? 'resolvedValue' : 'originalValue';
      const one = within(parameters, p.name);
      if (value === undefined) delete one[name];
      else one[name] = value;
      if (!Object.keys(one).length) delete parameters[p.name];
    } else if (value === undefined) delete parameters[p.name];
    else parameters[p.name] = value;
  },
};
