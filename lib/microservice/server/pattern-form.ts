import { CONSUMER_EXTRAS, ORDERED_EXTRAS } from './consumer-options.js';
import type { Registration } from './registration.js';

/** A form of handlers, in words, and the extras that apply to it. */
interface PatternForm {
  readonly name: string;
  readonly extras: readonly string[];
}

// The planner reports a `durable` of a consumer that belongs to one instance.
const EVENT = {
  name: 'an event of a stream',
  extras: [...CONSUMER_EXTRAS, 'broadcast', 'durable', 'stream'],
};
const ORDERED_EVENT = {
  name: 'an ordered event',
  extras: [...ORDERED_EXTRAS, 'broadcast', 'durable', 'ordered', 'stream'],
};
const CORE_EVENT = { name: "an event with mode 'core'", extras: ['broadcast', 'queue'] };
const DURABLE_REQUEST = { name: 'a durable request', extras: [...CONSUMER_EXTRAS, 'durable', 'stream'] };
const CORE_REQUEST = {
  name: "a request with mode 'core', the default",
  extras: ['concurrency', 'maxPending', 'queue'],
};

/** Whether the messages of a pattern are stored in a stream. */
export function isDurable({ isEvent, extras }: Registration): boolean {
  return (extras.mode ?? (isEvent ? 'jetstream' : 'core')) === 'jetstream';
}

/** Problems with extras that have no effect in the form of a pattern. */
export function misplacedExtras(registration: Registration): string[] {
  const { name, extras } = formOf(registration);
  const known = [...extras, 'enabled', 'mode'];
  const misplaced = Object.entries(registration.extras)
    .filter(([extra, value]) => value !== undefined && value !== false && !known.includes(extra))
    .map(([extra]) => extra);
  if (misplaced.length === 0) return [];
  const cure = misplaced.length === 1 ? 'leave it out' : 'leave them out';
  const other = isDurable(registration) ? '' : ", or set mode: 'jetstream'";
  return [`${name} does not support ${misplaced.join(', ')}: ${cure}${other}`];
}

function formOf(registration: Registration): PatternForm {
  if (!registration.isEvent) return isDurable(registration) ? DURABLE_REQUEST : CORE_REQUEST;
  if (!isDurable(registration)) return CORE_EVENT;
  return registration.extras.ordered === true ? ORDERED_EVENT : EVENT;
}
