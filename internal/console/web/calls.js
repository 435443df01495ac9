// The view of calls: the live list, one call, its conversation.

import { clock, h, mark, micros, replace, sessionID } from './dom.js';
import { calls, detail, list, on, soon, stack } from './store.js';
import { callView } from './call.js';
import { chat } from './chat.js';

// outcome is how a summary is marked.
export function outcome(c) {
  if (c.verdict === 'fail') return 'fail';
  if (!c.done || !c.verdict) return 'skip';
  return c.warn ? 'warn' : 'pass';
}

const words = { pass: 'passed', fail: 'failed', warn: 'passed, with a warning', skip: 'under way' };

// statusText is the status, or where the call ended without one.
export function statusText(c) {
  if (c.status) return String(c.status);
  return c.done ? (c.reason?.startsWith('connect') ? 'none' : 'TLS') : '…';
}

const second = (c) => {
  if (c.reason) return c.reason;
  if (c.invalid) return 'back to the form: ' + c.invalid;
  if (c.outcome && c.outcome !== 'answered') return c.outcome;
  return c.said || c.message?.replace(/^.*?: /, '') || '';
};

// wanted says whether a summary passes a filter: words, of which each must be in
// it, or NAME:VALUE.
export function wanted(c, filter) {
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => {
      const [, name, value] = /^(\w+):(.*)$/.exec(word) ?? [];
      const fields = {
        tag: c.tag,
        status: statusText(c),
        session: sessionID(c.session),
        reason: c.reason,
        source: c.source,
        path: c.path,
        event: c.event,
        outcome: c.outcome,
        verdict: c.verdict,
        said: c.said,
      };
      if (name === 'is')
        return (
          { failed: outcome(c) === 'fail', passed: outcome(c) === 'pass' || outcome(c) === 'warn', warned: outcome(c) === 'warn' }[value] ?? true
        );
      if (name in fields) return (fields[name] ?? '').toLowerCase().startsWith(value);
      return Object.values(fields)
        .concat('#' + c.id)
        .some((text) => (text ?? '').toLowerCase().includes(word));
    });
}

let filter = ''; // stays when the view goes and comes back
let tab = 'checks';

export function callsView(rest) {
  const rows = new Map(); // by id
  const items = h('ol', { class: 'call-list' });
  const none = h('p', { class: 'empty', hidden: true });
  const middle = h('section', { class: 'detail', 'aria-label': 'Call' });
  const right = h('aside', { class: 'side chat-side', 'aria-label': 'Conversation' });
  const input = h('input', {
    type: 'search',
    placeholder: 'Filter, as status:401',
    title: 'Words that are in it, or tag: status: session: reason: source: path: event: outcome: is:warned',
    'aria-label': 'Filter calls',
    value: filter,
    on: { input: () => refilter(input.value) },
  });
  const quick = [
    ['', 'All'],
    ['is:failed', 'Failed'],
    ['is:passed', 'Passed'],
  ].map(([value, name]) => h('button', { type: 'button', class: 'small', on: { click: () => refilter((input.value = value)) } }, name));
  const followed = h('a', { href: '#/calls', class: 'follow', title: 'Show each call as it comes (f)' }, 'Follow');
  let wantedID = null; // null follows the latest
  let shown = null; // id and seq of what is drawn
  let drawing = 0;

  function refilter(text) {
    filter = text;
    quick.forEach((b, i) => b.setAttribute('aria-pressed', String(filter === ['', 'is:failed', 'is:passed'][i])));
    for (const c of list()) row(c);
    sayNone();
    choose();
  }

  function row(c) {
    let li = rows.get(c.id);
    if (!li) {
      li = h('li', {});
      rows.set(c.id, li);
      const next = [...rows.keys()].filter((id) => id < c.id).reduce((a, b) => Math.max(a, b), 0);
      items.insertBefore(li, rows.get(next) ?? null);
    }
    const o = outcome(c);
    replace(
      li,
      h(
        'a',
        {
          href: '#/calls/' + c.id,
          class: 'call ' + o,
          'aria-current': c.id === shown?.id ? 'true' : undefined,
          title: `#${c.id} at ${clock(c.time)}, ${c.source}`,
        },
        mark(o, words[o]),
        h(
          'span',
          { class: 'what' },
          h('b', {}, c.tag || c.path || 'no tag'),
          h('small', {}, [second(c), sessionID(c.session)].filter(Boolean).join(' · ')),
        ),
        h('span', { class: 'num' }, h('b', {}, statusText(c)), h('small', {}, c.done ? micros(c.us) : '')),
      ),
    );
    li.hidden = !wanted(c, filter);
  }

  function sayNone() {
    const any = [...rows.values()].some((li) => !li.hidden);
    none.hidden = any;
    if (any) return;
    replace(none, calls.size ? 'No call is like this.' : 'No calls yet.');
  }

  const visible = () => list().filter((c) => wanted(c, filter));

  function choose() {
    const c = wantedID ? calls.get(wantedID) : visible()[0];
    followed.setAttribute('aria-current', wantedID ? 'false' : 'true');
    if (!c) {
      draw(wantedID);
      return;
    }
    if (shown?.id === c.id && shown.seq === c.seq) return;
    draw(c.id);
  }

  async function draw(id) {
    const mine = ++drawing;
    if (!id) {
      shown = null;
      replace(middle, nothing());
      replace(right);
      return;
    }
    let call;
    try {
      call = await detail(id);
    } catch (e) {
      if (mine === drawing)
        replace(middle, h('div', { class: 'empty' }, h('p', {}, e.message), h('p', {}, h('a', { href: '#/calls' }, 'The latest call'))));
      return;
    }
    if (mine !== drawing) return; // another one was chosen meanwhile
    const same = shown?.id === id;
    shown = { id, seq: call.seq, session: call.session };
    for (const [n, li] of rows) {
      const a = li.firstChild;
      if (n === id) a.setAttribute('aria-current', 'true');
      else a.removeAttribute('aria-current');
    }
    if (!same) rows.get(id)?.scrollIntoView({ block: 'nearest' });
    const view = callView(call, { tab, onTab: (id) => (tab = id) });
    actions = view.actions;
    replace(middle, view.nodes);
    if (!same) middle.scrollTop = 0;
    talk();
  }

  const settle = soon(() => {
    sayNone();
    choose();
  });
  const talkSoon = soon(() => shown && talk());
  const talk = () => replace(right, chat(shown.session, { until: shown.id, compact: true }));
  let actions = {};
  const step = (by) => {
    const all = visible();
    const i = all.findIndex((c) => c.id === shown?.id);
    const to = all[Math.min(all.length - 1, Math.max(0, i + by))];
    if (to) location.hash = '#/calls/' + to.id;
  };
  const stop = on('calls', (c) => {
    if (!c) return;
    for (const id of rows.keys()) {
      // what has left the memory
      if (calls.has(id)) continue;
      rows.get(id).remove();
      rows.delete(id);
    }
    row(c);
    settle();
    if (shown?.session && c.session === shown.session && c.id > shown.id) talkSoon();
  });
  items.addEventListener('keydown', (e) => {
    if (e.key !== 'ArrowDown' && e.key !== 'ArrowUp') return;
    e.preventDefault();
    step(e.key === 'ArrowDown' ? 1 : -1);
    requestAnimationFrame(() => items.querySelector('[aria-current]')?.focus());
  });

  const show = ([id]) => {
    wantedID = Number(id) || null;
    choose();
  };
  refilter(filter);
  show(rest);
  return {
    nodes: [
      h(
        'nav',
        { class: 'side list', 'aria-label': 'Calls' },
        h('div', { class: 'list-head' }, input, h('div', { class: 'quick' }, quick, h('span', { class: 'gap' }), followed)),
        items,
        none,
      ),
      middle,
      right,
    ],
    show,
    close: stop,
    keys: () => [
      ['j', 'the call below', () => step(1)],
      ['k', 'the call above', () => step(-1)],
      ['f', 'follow the latest', () => (location.hash = '#/calls')],
      ['/', 'filter', () => input.focus()],
      ['r', 'replay with a fresh token', () => actions.replay?.()],
      ['x', 'replay exactly', () => actions.exact?.()],
      ['e', 'edit and send', () => actions.edit?.()],
      ['c', 'copy as curl', () => actions.curl?.()],
      ['n', 'the next tab', () => actions.nextTab?.()],
    ],
  };
}

// nothing is what stands in the middle before there is a call.
function nothing() {
  if (filter && calls.size)
    return h('div', { class: 'empty big' }, h('h1', {}, 'No call is like this'), h('p', {}, 'The filter hides all ', calls.size, ' of them.'));
  return h(
    'div',
    { class: 'empty big' },
    h('h1', {}, 'No calls yet'),
    stack?.mode === 'public'
      ? h('p', {}, 'Talk to the agent. Its calls come through the tunnel to ', h('code', {}, stack.url), ', and are here as they come.')
      : [
          h(
            'p',
            {},
            'Make one with ',
            h('a', { href: '#/compose' }, 'Compose'),
            ', in a ',
            h('a', { href: '#/conversation' }, 'conversation'),
            ', or on the command line:',
          ),
          h('pre', {}, 'go run ./cmd/local trigger confirm color=blue'),
        ],
  );
}
