import { type ConfigurationProblem, SubjectRouter } from '../../consuming/index.js';
import { subjectsOverlap } from '../../jetstream/index.js';
import { isPattern } from '../patterns/index.js';
import { CallLimit, type ListenerPlan } from '../serving/index.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { describe, type Registration, together } from './registration.js';

/** The maximum number of waiting requests for a handler with a `concurrency`. */
const DEFAULT_MAX_PENDING = 65_536;

/** Plans the core NATS subscriptions of a server: requests, and events with `mode: 'core'`. */
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
    // As in Nest's own servers, the last handler of a pattern is used.
    const last = [...new Map(members.map((each) => [each.pattern, each])).values()];
    // If patterns overlap within a queue group, the server may deliver a request to the subscription of any of them.
    const served = last.map(({ pattern, handler, extras }) => ({ pattern, handler, limit: limitOf(extras) }));
    const overlap = queue !== undefined && last.some((a) => last.some((b) => a !== b && overlapping(a, b)));
    const router = new SubjectRouter(
      served.map((target) => ({ pattern: target.pattern, target })),
      ([mostSpecific]) => mostSpecific,
    );
    return served.map((each): ListenerPlan => ({
      pattern: each.pattern,
      form: 'request',
      queue,
      handlerOf: overlap ? (subject) => router.find(subject) : () => each,
    }));
  });
}

function planEvents(registrations: readonly Registration[], options: JetStreamServerOptions): ListenerPlan[] {
  const byPattern = groupBy(registrations, ({ pattern }) => pattern);
  return [...byPattern].flatMap(([pattern, members]) =>
    [...groupBy(members, ({ extras }) => eventQueue(extras, pattern, options))].map(
      ([queue, sharing]): ListenerPlan => {
        const served = { handler: together(sharing.map((each) => each.handler)) };
        return { pattern, form: 'event', queue, handlerOf: () => served };
      },
    ),
  );
}

/**
 * The server delivers each message of a queue group to one of its subscriptions, so handlers that share a group
 * compete.
 */
export function queueProblems(
  registrations: readonly Registration[],
  options: JetStreamServerOptions,
): ConfigurationProblem[] {
  const grouped = registrations.flatMap((registration) => {
    const { isEvent, extras, pattern } = registration;
    const queue = isEvent ? eventQueue(extras, pattern, options) : requestQueue(extras.queue, options);
    return queue === undefined ? [] : [{ registration, queue }];
  });
  return grouped.flatMap(({ registration, queue }, i) => {
    const rival = grouped
      .slice(0, i)
      .find((other) => queue === other.queue && compete(registration, other.registration));
    if (rival === undefined) return [];
    const problem =
      `shares the queue group "${queue}" with ${describe(rival.registration)}, and their patterns match the same subjects: ` +
      'each message would reach only one of the two. Set another queue on one of them';
    return [{ handler: describe(registration), problem }];
  });
}

/**
 * A stream stores all messages on its subjects, including requests of core NATS. Returns a sentence for each pattern
 * affected.
 */
export function storedRequests(
  registrations: readonly Registration[],
  { streams = [] }: JetStreamServerOptions,
): string[] {
  return registrations.flatMap((registration) => {
    if (registration.isEvent) return [];
    return streams.flatMap(({ name, subjects = [] }) => {
      const subject = subjects.find((each) => subjectsOverlap(each, registration.pattern));
      if (subject === undefined) return [];
      return [
        `${describe(registration)}: the stream "${name}" listens on "${subject}", so it stores each request too. ` +
          "Remove the subject from the stream, or set mode: 'jetstream' so that the requests wait in the stream",
      ];
    });
  });
}

/** A request is routed to the most specific handler, and an event to all handlers of a pattern. */
function compete(a: Registration, b: Registration): boolean {
  if (!isPattern(a.pattern) || !isPattern(b.pattern) || !overlapping(a, b)) return false;
  return a.isEvent !== b.isEvent || (a.isEvent && a.pattern !== b.pattern);
}

function limitOf({ concurrency, maxPending }: Registration['extras']): CallLimit | undefined {
  if (typeof concurrency !== 'number') return undefined;
  return new CallLimit(concurrency, typeof maxPending === 'number' ? maxPending : DEFAULT_MAX_PENDING);
}

/** The queue group of requests; `undefined` if every instance answers. */
export function requestQueue(queue: unknown, options: JetStreamServerOptions): string | undefined {
  const chosen = queue ?? options.queue ?? options.name;
  return typeof chosen === 'string' && chosen !== '' ? chosen : undefined;
}

/**
 * The queue group of an event; `undefined` if every instance receives it. Each pattern has its own group: in a common
 * group, an event would reach only one of the matching patterns.
 */
export function eventQueue(
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
