// JSON as it is written: numbers and names keep their spelling, and what is wrong
// has a place.

const literal = /true|false|null/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const space = /[ \t\r\n]*/y;

// scan reads a text. tokens have {kind, from, to, depth}, where kind is one of
// { } [ ] : , key string number literal; problem is null or {at, to, message}: the
// first thing that is wrong. Tokens before it are right.
export function scan(text) {
  const tokens = [];
  const open = []; // {kind, names, from}
  let at = 0;
  let expect = 'value'; // value, first (in [), name, firstName (in {), colon, next, end
  const fail = (message, to) => ({ tokens, problem: { at, to: Math.max(to ?? at + 1, at + 1), message } });
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const put = (kind, length) => {
    tokens.push({ kind, from: at, to: at + length, depth: open.length });
    at += length;
  };
  const after = () => (open.length ? 'next' : 'end');
  for (;;) {
    at += match(space).length;
    if (at >= text.length) {
      if (expect === 'end') return { tokens, problem: null };
      if (!tokens.length) return fail('nothing is here: want a JSON value');
      const inside = open.at(-1);
      return fail(
        inside
          ? `the text ends inside ${inside.kind === '{' ? 'an object' : 'a list'} that begins in line ${place(text, inside.from).line}`
          : 'the text ends too early',
      );
    }
    const c = text[at];
    if (expect === 'end') return fail('nothing may follow after the end of the value');
    if (expect === 'colon') {
      if (c !== ':') return fail('want a colon after the name');
      put(':', 1);
      expect = 'value';
    } else if (expect === 'next') {
      const inside = open.at(-1).kind;
      if (c === ',') {
        put(',', 1);
        expect = inside === '{' ? 'name' : 'value';
      } else if (c === (inside === '{' ? '}' : ']')) {
        open.pop();
        put(c, 1);
        expect = after();
      } else
        return fail(
          c === '}' || c === ']'
            ? `${c} does not close what is open: a ${inside}`
            : 'want a comma, or the end of the ' + (inside === '{' ? 'object' : 'list'),
        );
    } else if ((expect === 'firstName' && c === '}') || (expect === 'first' && c === ']')) {
      open.pop();
      put(c, 1);
      expect = after();
    } else if (expect === 'name' || expect === 'firstName') {
      if (c === '}') return fail('a comma stands before the end of the object');
      if (c !== '"') return fail('want a name in double quotes');
      const name = match(string);
      if (!name) return broken();
      const plain = JSON.parse(name);
      const names = open.at(-1).names;
      if (names.has(plain)) return fail(`the name ${name} is here twice`, at + name.length);
      names.add(plain);
      put('key', name.length);
      expect = 'colon';
    } else if (c === '{' || c === '[') {
      put(c, 1);
      open.push({ kind: c, names: new Set(), from: at - 1 });
      expect = c === '{' ? 'firstName' : 'first';
    } else if (c === '"') {
      const value = match(string);
      if (!value) return broken();
      put('string', value.length);
      expect = after();
    } else {
      const value = match(number) || match(literal);
      if (!value) {
        if (c === ']' && expect === 'value') return fail('a comma stands before the end of the list');
        const word = /[^\s,:\]}]+/y;
        return fail(
          c === "'" ? 'a text stands in double quotes' : 'want a value: a text in double quotes, a number, true, false, null, { or [',
          at + (match(word)?.length ?? 1),
        );
      }
      put(/[-\d]/.test(c) ? 'number' : 'literal', value.length);
      if (at < text.length && /[\w.+-]/.test(text[at])) return fail('this is no number and no word that JSON knows');
      expect = after();
    }
  }
  // broken says what is wrong with the text in double quotes that begins here.
  function broken() {
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === '\\') {
        const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
        escape.lastIndex = i;
        if (!escape.test(text)) {
          at = i;
          return fail('no such escape; a backslash itself is written \\\\', i + 2);
        }
        i++;
      } else if (text[i] === '"' || text[i] < ' ') {
        const end = i;
        if (text[i] === '\n') return fail('the text is not closed on this line', end);
        at = i;
        return fail('control characters are written as \\n, \\t or \\u…');
      }
    }
    return fail('the text is not closed', text.length);
  }
}

// place is the line and column of an offset, both from 1.
export function place(text, at) {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return { line, column: at - before.lastIndexOf('\n') };
}

const indent = (n) => '\n' + '  '.repeat(n);

// pretty writes a text anew, a member on each line; what is no JSON stays as it is.
export function pretty(text) {
  const { tokens, problem } = scan(text);
  if (problem) return text;
  let out = '',
    before = null;
  for (const t of tokens) {
    const words = text.slice(t.from, t.to);
    const closing = t.kind === '}' || t.kind === ']';
    const empty = closing && (before.kind === '{' || before.kind === '[');
    if (closing && !empty) out += indent(t.depth);
    else if (before && !closing && (before.kind === '{' || before.kind === '[' || before.kind === ',')) out += indent(t.depth);
    out += t.kind === ':' ? ': ' : words;
    before = t;
  }
  return out;
}

// paint gives a text as nodes, its names and values coloured. Up to where it is
// wrong, that is.
export function paint(text) {
  const nodes = [];
  let at = 0;
  if (text.length > 300000) return [text];
  for (const t of scan(text).tokens) {
    if (!['key', 'string', 'number', 'literal'].includes(t.kind)) continue;
    if (t.from > at) nodes.push(text.slice(at, t.from));
    const span = document.createElement('span');
    span.className = 'j-' + t.kind;
    span.textContent = text.slice(t.from, t.to);
    nodes.push(span);
    at = t.to;
  }
  nodes.push(text.slice(at));
  return nodes;
}

// read decodes a text, keeping the spelling of numbers that JavaScript would change,
// where the browser can. It gives undefined for what is no JSON.
export function read(text) {
  try {
    return JSON.parse(text, (_, value, context) =>
      typeof value === 'number' && context?.source && JSON.rawJSON && String(value) !== context.source ? JSON.rawJSON(context.source) : value,
    );
  } catch {
    return undefined;
  }
}

// members and listOf take what came for what it should be: whoever calls may send
// anything.
export const members = (v) => (v && typeof v === 'object' && !Array.isArray(v) ? v : {});
export const listOf = (v) => (Array.isArray(v) ? v : []);

// write is the counterpart of read.
export const write = (value) => JSON.stringify(value, null, 2);

// short writes a value on one line.
export function short(value, limit = 80) {
  const text = (JSON.stringify(value, null, 1) ?? '')
    .replace(/\n\s*/g, ' ')
    .replace(/^([[{]) /, '$1')
    .replace(/ ([\]}])$/, '$1');
  return text.length > limit ? text.slice(0, limit - 1) + '…' : text;
}
