// What the page knows of the stack: the calls, live, and what stands where.

import { get, run } from './api.js';

const kept = 500; // as many as the server keeps
const news = new EventTarget();

// calls are the summaries, by id. details are whole calls, as far as they were
// asked for; each is of its summary's seq.
export const calls = new Map();
const details = new Map();

// stack is what stands where; null until it is known.
export let stack = null;
export let faults = [];

// on calls f at each event: calls (detail: the summary), stack, faults, live
// (detail: whether the stream is open).
// It gives a function that ends this.
export function on(name, f) {
  const listener = (e) => f(e.detail);
  news.addEventListener(name, listener);
  return () => news.removeEventListener(name, listener);
}
const tell = (name, detail) => news.dispatchEvent(new CustomEvent(name, { detail }));

// soon makes a function that runs f once for all that happens in a moment: calls
// come in bursts.
export function soon(f) {
  let timer = 0;
  return () => {
    timer ||= setTimeout(() => {
      timer = 0;
      f();
    }, 40);
  };
}

// list gives the summaries, latest first.
export const list = () => [...calls.values()].sort((a, b) => b.id - a.id);

// detail gives the whole call, from memory where nothing has changed since.
export async function detail(id) {
  const known = details.get(id),
    seq = calls.get(id)?.seq;
  if (known && (seq === undefined || known.seq >= seq)) return known;
  const call = await get('/api/calls/' + id);
  details.set(id, call);
  return call;
}

// remember keeps a call that an answer brought.
export function remember(call) {
  details.set(call.id, call);
  return call;
}

function changed(summary) {
  const before = calls.get(summary.id);
  if (before && before.seq >= summary.seq) return;
  calls.set(summary.id, summary);
  if (calls.size > kept) {
    const oldest = Math.min(...calls.keys());
    calls.delete(oldest);
    details.delete(oldest);
  }
  tell('calls', summary);
}

// load gets the calls that are there already.
export async function load() {
  try {
    for (const summary of (await get('/api/calls')).reverse()) {
      changed(summary);
      last = Math.max(last, summary.seq);
    }
  } catch {
    // The stream brings them.
  }
}

let last = 0; // event that has come
let source = null;

// follow opens the stream, and opens it again for as long as the page lives. The
// browser itself goes on from the last event; where it gives up, this does.
export function follow() {
  source = new EventSource('/api/stream' + (last ? '?after=' + last : ''));
  source.addEventListener('open', () => {
    tell('live', true);
    look();
  });
  source.addEventListener('call', (e) => {
    last = Number(e.lastEventId);
    changed(JSON.parse(e.data));
  });
  source.addEventListener('error', () => {
    tell('live', false);
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  });
}

// look asks what stands where. What the code's build says and which faults are on
// comes no other way.
export async function look() {
  try {
    const [now, broken] = await Promise.all([get('/api/stack'), get('/api/faults')]);
    if (now.run !== run) {
      document.dispatchEvent(new CustomEvent('stale'));
      return;
    }
    if (JSON.stringify(now) !== JSON.stringify(stack)) {
      stack = now;
      tell('stack', stack);
    }
    setFaults(broken);
  } catch {
    // The stream says that the stack is gone.
  }
}

export function setFaults(list) {
  if (JSON.stringify(list) === JSON.stringify(faults)) return;
  faults = list;
  tell('faults', faults);
}

const lookEvery = 2000;

export function keepLooking() {
  setInterval(() => {
    if (!document.hidden) look();
  }, lookEvery);
  document.addEventListener('visibilitychange', () => document.hidden || look());
}
