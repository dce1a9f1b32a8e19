import type { JetStreamOptions } from '../connection/index.js';
import { CONSUMER_OPTIONS } from '../handlers/index.js';
import { EXPECTATIONS, RETRY_OPTIONS, SCHEDULE_OPTIONS, type PublishDefaults } from '../jetstream/index.js';
import { nearestName, unknownOptions, type AllOptionsOf } from '../validation/index.js';
import type { JetStreamClientOptions } from './client/jetstream-client-options.interface.js';
import type { JetStreamRecordOptions } from './client/jetstream-record.js';
import type { JetStreamServerOptions } from './server/jetstream-server-options.interface.js';
import type { ConsumerDefaults, EventExtras, RequestExtras } from './server/pattern-extras.interface.js';
import type { TransportConnectionOptions } from './transport-link.js';

const TRANSPORT_OPTIONS = {
  codec: true,
  // Its options are the client's.
  connection: true,
  jetstream: { apiPrefix: true, domain: true, timeout: true } satisfies AllOptionsOf<JetStreamOptions>,
} satisfies AllOptionsOf<TransportConnectionOptions>;

/** The options of a `JetStreamClient`. */
export const CLIENT_OPTIONS = {
  ...TRANSPORT_OPTIONS,
  headers: true,
  mode: true,
  name: true,
  publish: {
    idempotent: true,
    maxPending: true,
    onAck: true,
    onError: true,
    retry: RETRY_OPTIONS,
    stallWait: true,
    timeout: true,
  } satisfies AllOptionsOf<PublishDefaults>,
  timeout: true,
} satisfies AllOptionsOf<JetStreamClientOptions>;

/** The options of a `JetStreamRecord`. */
export const RECORD_OPTIONS = {
  expect: EXPECTATIONS,
  headers: true,
  idempotent: true,
  messageId: true,
  mode: true,
  retry: RETRY_OPTIONS,
  schedule: SCHEDULE_OPTIONS,
  timeout: true,
  ttl: true,
} satisfies AllOptionsOf<JetStreamRecordOptions>;

const { ackMode, ackWait, circuitBreaker, concurrency, deadLetter, deliverPolicy, description } =
  CONSUMER_OPTIONS;
const { headersOnly, inactiveThreshold, maxAckPending, maxMessages, maxProcessingTime } = CONSUMER_OPTIONS;
const { memoryStorage, metadata, orderBy, rateLimit, raw, replayPolicy, replicas } = CONSUMER_OPTIONS;
const { sampleFrequency, startSequence, startTime, stream } = CONSUMER_OPTIONS;

/** What may be said for all events, or all durable requests, of a server. */
const CONSUMER_DEFAULTS = {
  ackMode,
  ackWait,
  circuitBreaker,
  concurrency,
  deadLetter,
  deliverPolicy,
  description,
  headersOnly,
  inactiveThreshold,
  maxAckPending,
  maxMessages,
  maxProcessingTime,
  memoryStorage,
  metadata,
  orderBy,
  rateLimit,
  raw,
  replayPolicy,
  replicas,
  retry: CONSUMER_OPTIONS.retry,
  sampleFrequency,
  startSequence,
  startTime,
  stream,
} satisfies AllOptionsOf<ConsumerDefaults>;

/** The options of a `JetStreamServer`. */
export const SERVER_OPTIONS = {
  ...TRANSPORT_OPTIONS,
  bootTimeout: true,
  deadLetters: true,
  events: { ...CONSUMER_DEFAULTS, consumer: true },
  jetStreamEvents: true,
  name: true,
  provisioning: true,
  queue: true,
  requests: CONSUMER_DEFAULTS,
  settlement: true,
  shutdownTimeout: true,
  streams: true,
} satisfies AllOptionsOf<JetStreamServerOptions>;

/** The extras of patterns. */
const EXTRAS = {
  ...CONSUMER_DEFAULTS,
  broadcast: true,
  durable: true,
  maxPending: true,
  mode: true,
  ordered: true,
  queue: true,
} satisfies AllOptionsOf<EventExtras | RequestExtras>;

/** Extras that do not exist. */
export interface UnknownExtras {
  /** What is wrong with extras that are misspelled, or whose own options do not exist. */
  readonly problems: readonly string[];
  /** Names that resemble none: another transport of the application may know them. */
  readonly foreign: readonly string[];
}

/** @param known further names that are checked elsewhere */
export function unknownExtras(
  extras: Readonly<Record<string, unknown>>,
  known: readonly string[],
): UnknownExtras {
  const names = Object.keys(EXTRAS);
  const isStrange = (name: string): boolean => !names.includes(name) && !known.includes(name);
  const foreign = Object.keys(extras).filter(
    (name) => isStrange(name) && nearestName(name, names) === undefined,
  );
  const own = Object.entries(extras).filter(([name]) => !foreign.includes(name) && !known.includes(name));
  return { problems: unknownOptions(Object.fromEntries(own), EXTRAS), foreign };
}
