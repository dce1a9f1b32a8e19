import { effectKeyOf } from '../model/forms.js';
import type { History } from '../model/history.js';
import { placeOf, type Violation } from './violation.js';

/** How long a stream recognizes the id of a message, in milliseconds. */
const DUPLICATE_WINDOW = 120_000;
/** How long the claim of a message is valid without a renewal, in milliseconds: `ackWait`. */
const LEASE = 2_000;
/** How many violations are reported one by one. */
const SHOWN = 5;

/**
 * One effect: once a message of a key of `idempotent` was acknowledged, the key is marked as done, and its handler does not
 * begin again. A handler that ended without an acknowledgement may run again: its process may have been killed before the key
 * was marked.
 *
 * If a handler runs for longer than its claim is valid, because its event loop is blocked, another process may obtain the claim just
 * before the first one marks the key, and begin shortly after: within the lease of its claim.
 */
export function checkEffects(history: History): Violation[] {
  const keys = new Map<number, number>();
  const acknowledgements: { readonly sequence: number; readonly place: number; readonly at: number }[] = [];
  const begins: { readonly id: number; readonly at: number }[] = [];
  const firstBegins = new Map<number, number>();
  for (const { kind, form, id, sequence, at, until } of history.messages()) {
    if (form !== 'idempotent') continue;
    if (kind === 'begun' || kind === 'repeated') {
      const key = effectKeyOf(id);
      begins.push({ id, at });
      keys.set(placeOf(sequence, until), key);
      firstBegins.set(key, Math.min(at, firstBegins.get(key) ?? Infinity));
    } else if (kind === 'acknowledged')
      acknowledgements.push({ sequence, place: placeOf(sequence, until), at });
  }
  const doneAt = new Map<number, number>();
  for (const { place, at } of acknowledgements) {
    const key = keys.get(place);
    if (key !== undefined) doneAt.set(key, Math.min(at, doneAt.get(key) ?? Infinity));
  }
  const isRepeated = (key: number, at: number): boolean => {
    const done = doneAt.get(key) ?? Infinity;
    const lostItsClaim = done - (firstBegins.get(key) ?? done) >= LEASE;
    return at > done + (lostItsClaim ? LEASE : 0);
  };
  return begins
    .filter(({ id, at }) => isRepeated(effectKeyOf(id), at))
    .slice(0, SHOWN)
    .map(({ id }) => ({
      promise: 'one effect',
      text: `idempotent: the handler began again for key ${effectKeyOf(id)}, which had been acknowledged (message ${id})`,
      about: { form: 'idempotent', ids: [effectKeyOf(id) * 2, effectKeyOf(id) * 2 + 1] },
    }));
}

/**
 * One result of `@PublishTo` for each message, within the duplicates window, regardless of how often the message was delivered;
 * and at least one, if the message was acknowledged.
 */
export function checkResults(history: History): Violation[] {
  const results = new Map<number, Map<number, number>>();
  const origins = new Map<number, number>();
  const acknowledged = new Set<number>();
  for (const { kind, form, id, sequence, at, until } of history.messages()) {
    if (form === 'forwarded' && kind === 'ended') {
      const places = results.get(id) ?? new Map<number, number>();
      results.set(id, places.set(placeOf(sequence, until), until));
    } else if (form === 'forward' && kind === 'ended' && at > history.streamSince) {
      origins.set(placeOf(sequence, until), id);
    } else if (form === 'forward' && kind === 'acknowledged') acknowledged.add(placeOf(sequence, until));
  }
  const isComplete = history
    .notesOf('consumer')
    .every(({ form, pending, unacknowledged }) => form !== 'forwarded' || pending + unacknowledged === 0);
  const about = (id: number): Violation['about'] => ({ form: 'forwarded', ids: [id] });
  const repeated = [...results]
    .filter(([, places]) => isRepeatedWithin([...places.values()], history))
    .map(([id, places]) => ({
      promise: 'one result',
      text: `forward: message ${id} has ${places.size} results`,
      about: about(id),
    }));
  const missing = [...origins]
    .filter(([place, id]) => isComplete && acknowledged.has(place) && !results.has(id))
    .map(([, id]) => ({
      promise: 'one result',
      text: `forward: the result of message ${id} is missing`,
      about: about(id),
    }));
  return [...repeated.slice(0, SHOWN), ...missing.slice(0, SHOWN)];
}

function isRepeatedWithin(storedAt: readonly number[], history: History): boolean {
  const times = storedAt.toSorted((a, b) => a - b);
  // A deleted stream forgets the ids, too. Its results cannot be distinguished from those of the next stream.
  if (history.streamSince > -Infinity) return false;
  return times.some((time, i) => i > 0 && time - times[i - 1] < DUPLICATE_WINDOW);
}
