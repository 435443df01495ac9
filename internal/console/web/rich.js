// What an agent says, drawn: texts, the other kinds of message, and the rich
// content of Dialogflow Messenger. Nothing is fetched for it: a picture is its
// address and its description.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/integration/dialogflow-messenger/fulfillment

import { h, s } from './dom.js';
import { listOf, members, short } from './json.js';

// message draws one message of the agent's. choose hears of a chip that was
// clicked; without it, chips are no buttons.
export function message(m, choose) {
  m = members(m);
  if (Array.isArray(m.text?.text)) {
    const [first, ...others] = m.text.text;
    return h(
      'div',
      { class: 'bubble agent' },
      first ?? '',
      others.length ? h('small', {}, `or ${others.length} other${others.length > 1 ? 's' : ''}: `, others.join(' / ')) : null,
    );
  }
  if (m.payload) return rich(m.payload, choose);
  for (const [kind, name] of Object.entries(kinds)) {
    if (m[kind] !== undefined) return h('div', { class: 'bubble agent other' }, h('b', {}, name), ' ', told(kind, m[kind]));
  }
  return raw('message', m);
}

const kinds = {
  outputAudioText: 'says',
  playAudio: 'plays',
  mixedAudio: 'plays',
  liveAgentHandoff: 'hands over to a person',
  telephonyTransferCall: 'transfers the call',
  endInteraction: 'ends the interaction',
  conversationSuccess: 'counts this as a success',
  knowledgeInfoCard: 'shows a knowledge card',
  toolCall: 'calls a tool',
};

function told(kind, value) {
  const v = members(value);
  switch (kind) {
    case 'outputAudioText':
      return v.text ?? h('code', {}, v.ssml ?? '');
    case 'playAudio':
      return address(v.audioUri);
    case 'telephonyTransferCall':
      return h('code', {}, v.phoneNumber ?? '');
    default:
      return Object.keys(v).length ? h('code', {}, short(v, 300)) : '';
  }
}

const raw = (what, v) =>
  h('details', { class: 'bubble agent other' }, h('summary', {}, what), h('pre', { class: 'code' }, JSON.stringify(v, null, 2)));

// rich draws a payload: of Dialogflow Messenger's form, or as it is.
function rich(payload, choose) {
  if (!Array.isArray(payload.richContent)) return raw('payload', payload);
  return payload.richContent.filter(Array.isArray).map((card) => {
    // Chips stand below their card, as Messenger has them.
    const chips = card.filter((e) => e?.type === 'chips');
    const others = card.filter((e) => e?.type !== 'chips');
    return [
      others.length
        ? h(
            'div',
            { class: 'rich' },
            others.map((e) => element(e, choose)),
          )
        : null,
      chips.map((e) =>
        h(
          'div',
          { class: 'chips-row' },
          listOf(e.options).map((o) => chip(members(o), choose)),
        ),
      ),
    ];
  });
}

// address is a link where it leads to the web; any other is only shown, since it
// could be a script.
function address(href, text) {
  let safe = false;
  try {
    safe = ['https:', 'http:'].includes(new URL(href).protocol);
  } catch {
    // no URL
  }
  return safe
    ? h('a', { href, target: '_blank', rel: 'noopener noreferrer', title: href }, text ?? href)
    : h('span', { title: String(href ?? '') }, text ?? String(href ?? ''));
}

function chip(o, choose) {
  if (o?.anchor?.href || !choose) return h('span', { class: 'chip rich-chip' }, o?.anchor?.href ? address(o.anchor.href, o.text) : (o?.text ?? ''));
  return h('button', { type: 'button', class: 'chip rich-chip', on: { click: () => choose(o.text) } }, o?.text ?? '');
}

const icon = () =>
  s(
    'svg',
    { class: 'picture-icon', viewBox: '0 0 24 18', 'aria-hidden': 'true' },
    s('path', { d: 'M1 1h22v16H1zM1 15l7-7 5 5 3-3 7 6M17 6h.1', fill: 'none', 'stroke-width': 1.5, 'stroke-linejoin': 'round' }),
  );

const picture = (url, text) =>
  h('span', { class: 'picture', role: 'img', 'aria-label': text || 'picture' }, icon(), h('small', {}, text ? text + ' · ' : '', address(url)));

const titled = (e, ...more) => [
  h('b', {}, e.anchor?.href ? address(e.anchor.href, e.title) : (e.title ?? '')),
  e.subtitle && h('small', {}, e.subtitle),
  more,
];

function element(e, choose) {
  switch (e?.type) {
    case 'info':
      return h(
        'div',
        { class: 'r-info' },
        e.image?.rawUrl && picture(e.image.rawUrl),
        e.image?.src?.rawUrl && picture(e.image.src.rawUrl),
        titled(e),
      );
    case 'description':
      return h(
        'div',
        { class: 'r-info' },
        h('b', {}, e.title ?? ''),
        listOf(e.text).map((line) => h('p', {}, line)),
      );
    case 'image':
      return h('div', { class: 'r-image' }, picture(e.rawUrl, e.accessibilityText));
    case 'button':
      return h(
        'div',
        { class: 'r-button' },
        e.anchor?.href
          ? address(e.anchor.href, e.text)
          : h('span', { title: e.event?.event ? 'sends the event ' + e.event.event : undefined }, e.text ?? ''),
        e.event?.event && h('small', {}, 'event ', h('code', {}, e.event.event)),
      );
    case 'list':
      return h('div', { class: 'r-list' }, titled(e), e.event?.event && h('small', {}, 'event ', h('code', {}, e.event.event)));
    case 'divider':
      return h('hr', {});
    case 'accordion':
      return h(
        'details',
        { class: 'r-accordion' },
        h('summary', {}, e.title ?? '', e.subtitle && h('small', {}, ' ', e.subtitle)),
        e.image?.src?.rawUrl && picture(e.image.src.rawUrl),
        h('p', {}, typeof e.text === 'string' ? e.text : short(e.text)),
      );
    case 'chips':
      return h(
        'div',
        { class: 'chips-row' },
        listOf(e.options).map((o) => chip(members(o), choose)),
      );
    default:
      return h('details', {}, h('summary', {}, e?.type ? String(e.type) : 'element'), h('pre', { class: 'code' }, JSON.stringify(e, null, 2)));
  }
}
