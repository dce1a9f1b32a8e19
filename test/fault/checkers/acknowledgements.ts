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
  /** When the handler of a place in the stream first ended. */
  const ends = new Map<number, number>();
  const effects = new Map<number, number>();
  const publishes = new Map<number, MessageEvent>();
  for (const event of history.messages()) {
    const { kind, form, id, sequence, at } = event;
    if (kind === 'stored' && form === 'idempotent' && at > history.streamSince) {
      publishes.set(sequence, event);
    } else if (kind === 'ended') {
      const place = placeOf(sequence, event.until);
      if (at < (ends.get(place) ?? Infinity)) ends.set(place, at);
      if (form !== 'idempotent') continue;
      const key = effectKeyOf(id);
      effects.set(key, Math.min(at, effects.get(key) ?? Infinity));
    }
  }
  const isUnfinished = ({ form, sequence, at, until }: MessageEvent): boolean => {
    if ((ends.get(placeOf(sequence, until)) ?? Infinity) <= at) return false;
    if (form !== 'idempotent') return true;
    const publish = publishes.get(sequence);
    // Without an acknowledged publish, or if that is one of a later incarnation, the key of the message is unknown.
    return (
      publish !== undefined && publish.at < at && (effects.get(effectKeyOf(publish.id)) ?? Infinity) > at
    );
  };
  const unfinished: MessageEvent[] = [];
  for (const event of history.messages()) {
    if (event.kind === 'acknowledged' && isUnfinished(event)) unfinished.push(event);
  }
  return [...withIds(unfinished, history), ...coveredUnfinished(history)];
}

/** Acknowledgements do not contain the id of their message, but other events of the same place do. */
function withIds(acknowledgements: readonly MessageEvent[], history: History): MessageEvent[] {
  if (acknowledgements.length === 0) return [];
  const ids = new Map<number, number>(
    acknowledgements.map((each) => [placeOf(each.sequence, each.until), 0]),
  );
  for (const { kind, id, sequence, until } of history.messages()) {
    const place = placeOf(sequence, until);
    if (kind !== 'acknowledged' && ids.has(place)) ids.set(place, id);
  }
  return acknowledgements.map((each) => ({ ...each, id: ids.get(placeOf(each.sequence, each.until)) ?? 0 }));
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
