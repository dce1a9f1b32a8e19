import { effectKeyOf } from '../model/forms.js';
import type { History } from '../model/history.js';
import type { MessageEvent } from '../model/records.js';
import { placeOf, type Violation } from './violation.js';

/** How many violations of one form are reported one by one. */
const SHOWN = 5;

/**
 * Nothing is acknowledged whose handler has not ended: the server receives an acknowledgement only after the end of the
 * handler. An acknowledgement to `cumulative` covers every message before it. A message of `idempotent` may be acknowledged
 * without its handler if another message of its key was handled.
 */
export function checkAcknowledgements(history: History): Violation[] {
  return unfinishedOf(history)
    .slice(0, SHOWN)
    .map(({ form, id, sequence }) => ({
      promise: 'nothing is acknowledged unfinished',
      text: `${form}: sequence ${sequence} (message ${id}) was acknowledged before its handler had ended`,
      about: { form, ids: [id] },
    }));
}

/** The acknowledgements of messages whose handler had not ended, with the ids of these messages. */
export function unfinishedOf(history: History): MessageEvent[] {
  const ends = new Map<number, { readonly id: number; readonly at: number }>();
  const effects = new Map<number, number>();
  const publishes = new Map<number, MessageEvent>();
  const acknowledgements: MessageEvent[] = [];
  for (const event of history.messages()) {
    const { kind, form, id, sequence, at } = event;
    if (kind === 'acknowledged') acknowledgements.push(event);
    else if (kind === 'stored' && form === 'idempotent' && at > history.streamSince) {
      publishes.set(sequence, event);
    } else if (kind === 'ended') {
      const place = placeOf(sequence, event.until);
      if (at < (ends.get(place)?.at ?? Infinity)) ends.set(place, { id, at });
      if (form === 'idempotent') {
        const key = effectKeyOf(id);
        effects.set(key, Math.min(at, effects.get(key) ?? Infinity));
      }
    }
  }
  const unfinished = acknowledgements.filter(({ form, sequence, at, until }) => {
    if ((ends.get(placeOf(sequence, until))?.at ?? Infinity) <= at) return false;
    if (form !== 'idempotent') return true;
    const publish = publishes.get(sequence);
    // Without an acknowledged publish, or if that is one of a later incarnation, the key of the message is unknown.
    return (
      publish !== undefined && publish.at < at && (effects.get(effectKeyOf(publish.id)) ?? Infinity) > at
    );
  });
  return [
    ...unfinished.map((event) => ({
      ...event,
      id: (ends.get(placeOf(event.sequence, event.until)) ?? publishes.get(event.sequence) ?? event).id,
    })),
    ...coveredUnfinished(history),
  ];
}

/** Messages of `cumulative` that an acknowledgement covers, and that had not ended. */
function coveredUnfinished(history: History): MessageEvent[] {
  const events: { readonly event: MessageEvent; readonly time: number }[] = [];
  const current = new Set<number>();
  const places = new Set<number>();
  for (const event of history.messages()) {
    const { kind, form, id, at, until } = event;
    if (form !== 'cumulative' || (kind === 'stored' && at <= history.streamSince)) continue;
    events.push({ event, time: kind === 'stored' ? until : at });
    if (kind === 'stored') current.add(id);
  }
  events.sort((a, b) => a.time - b.time);
  // An acknowledgement of a deleted incarnation of the stream covers nothing of the next one.
  for (const { event } of events) {
    const isDelivery = event.kind !== 'stored' && event.kind !== 'acknowledged';
    if (isDelivery && current.has(event.id)) places.add(placeOf(event.sequence, event.until));
  }
  const open = new Map<number, MessageEvent>();
  const done = new Set<number>();
  const unfinished: MessageEvent[] = [];
  for (const { event } of events) {
    const { kind, id, sequence, at, until } = event;
    if (kind === 'stored' && !done.has(id)) open.set(sequence, event);
    else if (kind === 'ended') {
      done.add(id);
      open.delete(sequence);
    } else if (kind === 'acknowledged' && places.has(placeOf(sequence, until))) {
      for (const [covered, message] of open) {
        if (covered > sequence) continue;
        unfinished.push({ ...message, at });
        open.delete(covered);
      }
    }
  }
  return unfinished;
}
