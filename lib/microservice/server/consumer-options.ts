import type { JsConsumerOptions } from '../../consuming/index.js';
import { given } from '../../validation/index.js';
import type { ConsumerExtras } from './pattern-extras.interface.js';
import type { Registration } from './registration.js';

/** The extras that apply to an ordered consumer. */
export const ORDERED_EXTRAS = [
  'deadLetter',
  'deliverPolicy',
  'headersOnly',
  'inactiveThreshold',
  'metadata',
  'rateLimit',
  'replayPolicy',
  'retry',
  'startSequence',
  'startTime',
] as const satisfies readonly (keyof ConsumerExtras)[];

/** The extras for creating a consumer and handling its messages; other transports may have their own extras. */
export const CONSUMER_EXTRAS = [
  ...ORDERED_EXTRAS,
  'ackMode',
  'ackWait',
  'circuitBreaker',
  'concurrency',
  'description',
  'maxAckPending',
  'maxMessages',
  'maxProcessingTime',
  'memoryStorage',
  'orderBy',
  'raw',
  'replicas',
  'sampleFrequency',
] as const satisfies readonly (keyof ConsumerExtras)[];

/** How long the consumer of an instance that has ended is kept, in milliseconds. */
const BROADCAST_INACTIVE_THRESHOLD = 60_000;

/**
 * The consumer options of a pattern's extras, without its filter.
 *
 * @param durable the name of a durable consumer; omitted for others
 */
export function consumerOptions(
  { extras }: Registration,
  defaults: Partial<ConsumerExtras>,
  stream: string,
  durable: string | undefined,
): JsConsumerOptions {
  const merged = {
    ...defaults,
    ...given(extras),
    retry: { ...defaults.retry, ...given((extras as Partial<ConsumerExtras>).retry ?? {}) },
  };
  if (extras.ordered === true) return { ...pick(merged, ORDERED_EXTRAS), stream, ordered: true };
  const options = { deadLetter: true, ...pick(merged, CONSUMER_EXTRAS), stream };
  if (durable !== undefined) return { ...options, durable };
  return { deliverPolicy: 'new', inactiveThreshold: BROADCAST_INACTIVE_THRESHOLD, ...options };
}

function pick<Key extends keyof ConsumerExtras>(
  from: Partial<ConsumerExtras>,
  keys: readonly Key[],
): Pick<Partial<ConsumerExtras>, Key> {
  const picked = keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]] as const);
  return Object.fromEntries(picked) as Pick<Partial<ConsumerExtras>, Key>;
}
