// What is said to the user: a word that goes by itself, and how texts begin.

import { replace } from './dom.js';

const box = document.getElementById('said');
let timer = 0;

// say shows a text for some seconds; kind "bad" is for what did not work.
export function say(text, kind = '') {
  replace(box, text);
  box.className = 'toast shown ' + kind;
  clearTimeout(timer);
  timer = setTimeout(() => (box.className = 'toast'), kind === 'bad' ? 9000 : 4000);
}

// trying runs what may fail, and says so; it gives undefined then.
export async function trying(f) {
  try {
    return await f();
  } catch (e) {
    say(e.message, 'bad');
    return undefined;
  }
}

// sentence is a text as the beginning of one.
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) : '');

// copy puts a text on the clipboard, and says so.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say('Copied.');
  } catch {
    say('The browser does not let the page copy. Select the text instead.', 'bad');
  }
}
