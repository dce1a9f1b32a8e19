import type { JsConsumerOptions } from '../../consuming/index.js';
import { consumerOptions } from './consumer-options.js';
import { durableName } from './durable-name.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { readExtras } from './known-options.js';
import { eventQueue, requestQueue } from './listener-plans.js';
import { isDurable } from './pattern-form.js';

/** A pattern as its decorator declares it. */
export interface DeclaredPattern {
  /** The pattern as a subject. */
  readonly pattern: string;
  readonly isEvent: boolean;
  readonly extras: Readonly<Record<string, unknown>>;
}

/** How a server serves a pattern. */
export type DescribedPattern =
  | {
      readonly mode: 'core';
      /** The queue group; `undefined` if every instance receives the messages, or the service is unknown. */
      readonly queue: string | undefined;
      readonly concurrency: number | undefined;
      readonly broadcast: boolean;
    }
  | {
      readonly mode: 'jetstream';
      /** The options of its consumer. The stream is empty if it follows from the pattern. */
      readonly consumer: JsConsumerOptions;
      readonly broadcast: boolean;
    };

/**
 * Describes how a pattern is served, without a server.
 *
 * @param options those of the `JetStreamServer`; `undefined` if it is unknown
 */
export function describePattern(
  { pattern, isEvent, extras: given }: DeclaredPattern,
  options: JetStreamServerOptions | undefined,
): DescribedPattern {
  const { extras } = readExtras(given);
  const registration = { pattern, isEvent, extras, handler: unused };
  const broadcast = extras.broadcast === true;
  if (!isDurable(registration)) {
    const concurrency = typeof extras.concurrency === 'number' ? extras.concurrency : undefined;
    return { mode: 'core', queue: queueOf(registration, options), concurrency, broadcast };
  }
  const defaults = (isEvent ? options?.events : options?.requests) ?? {};
  const stream = (extras.stream as string | undefined) ?? defaults.stream ?? '';
  const single = broadcast || extras.ordered === true;
  const durable = (extras.durable as string | undefined) ?? defaultDurable(registration, options);
  const consumer = consumerOptions(registration, defaults, stream, single ? undefined : durable);
  return { mode: 'jetstream', consumer: { ...consumer, filterSubjects: pattern }, broadcast };
}

function queueOf(
  { pattern, isEvent, extras }: DeclaredPattern,
  options: JetStreamServerOptions | undefined,
): string | undefined {
  if (options !== undefined) {
    return isEvent ? eventQueue(extras, pattern, options) : requestQueue(extras.queue, options);
  }
  return typeof extras.queue === 'string' ? extras.queue : undefined;
}

function defaultDurable(
  { pattern, isEvent }: DeclaredPattern,
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
