import { subjectsOverlap } from '../../jetstream/index.js';
import { PatternTable } from '../patterns/index.js';
import { CallLimit, type ListenerPlan } from '../serving/index.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { together, type Registration } from './registration.js';

/** How many requests may wait for a handler with a `concurrency`. */
const DEFAULT_MAX_PENDING = 65_536;

/** Decides what a server listens to on core NATS: requests, and events with `mode: 'core'`. */
export function planListeners(
  registrations: readonly Registration[],
  options: JetStreamServerOptions,
): ListenerPlan[] {
  return [
    ...planRequests(
      registrations.filter(({ isEvent }) => !isEvent),
      options,
    ),
    ...planEvents(
      registrations.filter(({ isEvent }) => isEvent),
      options,
    ),
  ];
}

function planRequests(
  registrations: readonly Registration[],
  options: JetStreamServerOptions,
): ListenerPlan[] {
  const byQueue = groupBy(registrations, ({ extras }) => requestQueue(extras.queue, options));
  return [...byQueue].flatMap(([queue, members]) => {
    // As in Nest's own servers, the last handler of a pattern counts.
    const last = [...new Map(members.map((each) => [each.pattern, each])).values()];
    // Where patterns overlap within a queue group the server gives a request to the subscription of any of them.
    const served = last.map(({ pattern, handler, extras }) => ({ pattern, handler, limit: limitOf(extras) }));
    const overlap = queue !== undefined && last.some((a) => last.some((b) => a !== b && overlapping(a, b)));
    const table = new PatternTable(
      served,
      ({ pattern }) => pattern,
      ([mostSpecific]) => mostSpecific,
    );
    return served.map((each): ListenerPlan => ({
      pattern: each.pattern,
      queue,
      handlerOf: overlap ? (subject) => table.find(subject) : () => each,
    }));
  });
}

function planEvents(registrations: readonly Registration[], options: JetStreamServerOptions): ListenerPlan[] {
  const byPattern = groupBy(registrations, ({ pattern }) => pattern);
  return [...byPattern].flatMap(([pattern, members]) =>
    [...groupBy(members, ({ extras }) => eventQueue(extras, pattern, options))].map(([queue, sharing]) => {
      const served = { handler: together(sharing.map((each) => each.handler)) };
      return { pattern, queue, handlerOf: () => served };
    }),
  );
}

function limitOf({ concurrency, maxPending }: Registration['extras']): CallLimit | undefined {
  if (typeof concurrency !== 'number') return undefined;
  return new CallLimit(concurrency, typeof maxPending === 'number' ? maxPending : DEFAULT_MAX_PENDING);
}

function requestQueue(queue: unknown, options: JetStreamServerOptions): string | undefined {
  const chosen = queue ?? options.queue ?? options.name;
  return typeof chosen === 'string' && chosen !== '' ? chosen : undefined;
}

/** A group for each pattern: in a common one an event would reach one only of the patterns that match it. */
function eventQueue(
  { broadcast, queue }: Registration['extras'],
  pattern: string,
  { name }: JetStreamServerOptions,
): string | undefined {
  if (broadcast === true) return undefined;
  return typeof queue === 'string' ? queue : `${name}:${pattern}`;
}

function overlapping(a: Registration, b: Registration): boolean {
  return subjectsOverlap(a.pattern, b.pattern);
}

function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
