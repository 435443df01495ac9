// The page: which view is shown, what its head says, the keys.

import { h, replace } from './dom.js';
import { faults, follow, keepLooking, load, look, on, stack } from './store.js';
import { callsView } from './calls.js';
import { composeView } from './compose.js';
import { conversationView } from './conversation.js';
import { agentView } from './agent.js';
import { faultsView } from './faults.js';
import { stackView } from './stack.js';
import { initKeys } from './keys.js';
import { say } from './say.js';

const view = document.getElementById('view');

// A view is made by a function of the rest of the address, and gives an object with
// show(rest), which the same view's other addresses go through; keys(), its own
// shortcuts; and close().
const views = { calls: callsView, compose: composeView, conversation: conversationView, agent: agentView, faults: faultsView, stack: stackView };
let current = { name: '' };

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const chosen = views[name] ? name : 'calls';
  for (const a of document.querySelectorAll('.views a')) {
    if (a.dataset.view === chosen) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  document.title = chosen[0].toUpperCase() + chosen.slice(1) + ' · cxhook console';
  if (current.name === chosen && current.view.show) {
    current.view.show(rest);
    return;
  }
  current.view?.close?.();
  view.className = 'view ' + chosen;
  const made = views[chosen](rest);
  current = { name: chosen, view: made };
  replace(view, made.nodes);
}

const bars = document.getElementById('bars');

// bar shows a line over the page for as long as something is so.
function bar(id, kind, ...content) {
  const old = document.getElementById(id);
  if (!content.length) {
    old?.remove();
    return;
  }
  const made = h('div', { id, class: 'bar ' + kind, role: kind === 'bad' ? 'alert' : 'status' }, content);
  if (old) old.replaceWith(made);
  else bars.append(made);
}

const live = document.getElementById('live');
on('live', (open) => {
  live.textContent = open ? 'live' : 'reconnecting…';
  live.className = 'chip live ' + (open ? 'ok' : 'warn');
  if (open) bar('lost', '');
  else
    bar(
      'lost',
      'warn',
      h('b', {}, 'The stack does not answer.'),
      ' What is here is what was known; the page goes on by itself when it is back: ',
      h('code', {}, 'go run ./cmd/local'),
    );
});

let stale = false;
document.addEventListener('stale', () => {
  if (stale) return;
  stale = true;
  bar(
    'stale',
    'bad',
    h('b', {}, 'The stack was started anew.'),
    ' This page belongs to the run before it, and cannot make calls. ',
    h('button', { type: 'button', on: { click: () => location.reload() } }, 'Reload'),
  );
});

const modes = {
  lenient: 'The load balancer tells the function about a certificate that it cannot verify',
  strict: 'The load balancer ends the handshake of a certificate that it cannot verify',
  direct: 'No load balancer: the function terminates TLS itself',
  public: 'No load balancer: a real agent calls through a tunnel',
};

on('stack', () => {
  replace(
    document.getElementById('where'),
    h('span', { class: 'chip ' + (stack.mode === 'public' ? 'warn' : 'ok'), title: 'What the function asks of a caller' }, 'policy ', stack.policy),
    h('span', { class: 'chip', title: modes[stack.mode] }, stack.mode),
    h('span', { class: 'chip mono wide', title: 'The webhook, as an agent has it' }, stack.url),
  );
  if (stack.build) {
    bar('build', 'bad', h('b', {}, 'The code does not build.'), ' The code before it runs on.', h('pre', {}, stack.build));
  } else bar('build', '');
});

const count = document.getElementById('fault-count');
on('faults', () => {
  const n = faults.filter((f) => f.on).length;
  count.textContent = n;
  count.hidden = !n;
  count.setAttribute('aria-label', n + ' on');
});

// Light, dark, or as the system has it.
const theme = document.getElementById('theme');
const themes = ['system', 'light', 'dark'];
function drawTheme() {
  const chosen = document.documentElement.dataset.theme ?? 'system';
  theme.textContent = { system: '◐', light: '☀', dark: '☾' }[chosen];
  theme.setAttribute('aria-label', 'Theme: ' + chosen);
}
function nextTheme() {
  const chosen = themes[(themes.indexOf(document.documentElement.dataset.theme ?? 'system') + 1) % themes.length];
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  localStorage.setItem('theme', chosen);
  drawTheme();
  say('Theme: ' + chosen);
}
theme.addEventListener('click', nextTheme);
drawTheme();

initKeys({ theme: nextTheme, view: () => current.view });

document.querySelector('.skip-link').addEventListener('click', (e) => {
  e.preventDefault(); // the address is the view's
  view.focus();
});
window.addEventListener('hashchange', route);
window.addEventListener('unhandledrejection', (e) => {
  say(e.reason?.message ?? String(e.reason), 'bad');
  e.preventDefault();
});

await Promise.all([look(), load()]); // tags, identities and calls are known before a view asks
follow();
keepLooking();
route();
