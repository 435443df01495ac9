// Requests to the console's server. They carry the token that the page was served
// with: those that change something need it.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

// run names the console's run that this page is of.
export const run = meta('console-run');

// Stale says that the stack was started anew since the page was.
export class Stale extends Error {}

// A body is a value, or JSON that is text already.
async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { 'X-Console-Token': meta('console-token'), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
  } catch {
    throw new Error('The console does not answer. Is the stack still running?');
  }
  let result = null;
  try {
    result = await answer.json();
  } catch {
    throw new Error(`The console answered ${answer.status} ${answer.statusText}, and no JSON.`);
  }
  if (answer.ok) return result;
  if (answer.status === 403) {
    document.dispatchEvent(new CustomEvent('stale'));
    throw new Stale(result.error ?? 'refused');
  }
  throw new Error(result.error ?? `The console answered ${answer.status}.`);
}

export const get = (path) => ask('GET', path);
export const post = (path, body) => ask('POST', path, body);
export const put = (path, body) => ask('PUT', path, body);
export const remove = (path) => ask('DELETE', path);
