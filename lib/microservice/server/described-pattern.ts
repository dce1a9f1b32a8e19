import type { JsConsumerOptions } from '../../consuming/index.js';
import { consumerOptions } from './consumer-options.js';
import { durableName } from './durable-name.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { readExtras } from './known-options.js';
import { eventQueue, requestQueue } from './listener-plans.js';
import { isDurable } from './pattern-form.js';
import type { Registration } from './registration.js';

const UNKNOWN = 'unknown';

/** A pattern as its decorator declares it. */
export interface DeclaredPattern {
  readonly pattern: unknown;
  readonly isEvent: boolean;
  readonly extras: Readonly<Record<string, unknown>>;
}

/** How a server serves a pattern. */
export type DescribedPattern = {
  /** The pattern as a subject. */
  readonly subject: string;
  /** Whether every instance receives every event. */
  readonly broadcast: boolean;
} & (
  | {
      readonly mode: 'core';
      /** The queue group; `undefined` if every instance receives the messages, or the service is unknown. */
      readonly queue: string | undefined;
      readonly concurrency: number | undefined;
    }
  | {
      readonly mode: 'jetstream';
      /** The options of its consumer. The stream is empty if it follows from the pattern. */
      readonly consumer: JsConsumerOptions;
    }
);

/**
 * Describes how a pattern is served, without a server.
 *
 * @param subject the pattern as a subject
 * @param options those of the `JetStreamServer`; `undefined` if it is unknown
 */
export function describePattern(
  subject: string,
  { isEvent, extras: given }: DeclaredPattern,
  options: JetStreamServerOptions | undefined,
): DescribedPattern {
  const { extras } = readExtras(given);
  const registration = { pattern: subject, isEvent, extras, handler: unused };
  const broadcast = extras.broadcast === true;
  if (!isDurable(registration)) {
    const concurrency = typeof extras.concurrency === 'number' ? extras.concurrency : undefined;
    return { subject, mode: 'core', queue: queueOf(registration, options), concurrency, broadcast };
  }
  const defaults = (isEvent ? options?.events : options?.requests) ?? {};
  const stream = (extras.stream as string | undefined) ?? defaults.stream ?? '';
  const single = broadcast || extras.ordered === true;
  const durable = (extras.durable as string | undefined) ?? defaultDurable(registration, options);
  // A consumer without a name is one of each instance. That of an unknown service has a name, which is not known.
  const complete = consumerOptions(registration, defaults, stream, single ? undefined : (durable ?? UNKNOWN));
  const { durable: _, ...rest } = complete;
  const consumer = (durable === undefined ? rest : complete) as JsConsumerOptions;
  return { subject, mode: 'jetstream', consumer: { ...consumer, filterSubjects: subject }, broadcast };
}

function queueOf(
  { pattern, isEvent, extras }: Registration,
  options: JetStreamServerOptions | undefined,
): string | undefined {
  if (options !== undefined) {
    return isEvent ? eventQueue(extras, pattern, options) : requestQueue(extras.queue, options);
  }
  return typeof extras.queue === 'string' ? extras.queue : undefined;
}

function defaultDurable(
  { pattern, isEvent }: Registration,
  options: JetStreamServerOptions | undefined,
): string | undefined {
  if (options === undefined) return undefined;
  const { name, events } = options;
  return isEvent && events?.consumer === 'service' ? name : durableName(name, pattern);
}

/** Descriptions call no handler. */
function unused(): Promise<never> {
  return Promise.reject(new Error('a description has no handler'));
}
