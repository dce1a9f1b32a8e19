import { CONSUMER_OPTIONS, MOST_BUFFERED } from '../../consuming/index.js';
import { provisioningRule, STREAM_DECLARATION_OPTIONS } from '../../jetstream/index.js';
import { propertyOf } from '../../reporting/index.js';
import {
  type AllOptionsOf,
  count,
  flag,
  hasMethods,
  ListOf,
  nearestName,
  objectWith,
  oneOf,
  ownNames,
  queueName,
  readOptions,
  required,
  resourceName,
  rule,
  timeLimit,
} from '../../validation/index.js';
import { modeRule, TRANSPORT_OPTIONS } from '../transport-options.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import type { ConsumerDefaults, EventExtras, RequestExtras } from './pattern-extras.interface.js';

const { ackMode, ackWait, circuitBreaker, concurrency, deadLetter, deliverPolicy, description } =
  CONSUMER_OPTIONS;
const { headersOnly, inactiveThreshold, maxAckPending, maxMessages, maxProcessingTime } = CONSUMER_OPTIONS;
const { memoryStorage, metadata, orderBy, rateLimit, raw, replayPolicy, replicas } = CONSUMER_OPTIONS;
const { sampleFrequency, startSequence, startTime } = CONSUMER_OPTIONS;

/** The defaults for all events, or all durable requests, of a server. */
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
  stream: resourceName,
} satisfies AllOptionsOf<ConsumerDefaults>;

/** The options of a `JetStreamServer`. */
export const SERVER_OPTIONS = {
  ...TRANSPORT_OPTIONS,
  autoStart: flag,
  bootTimeout: timeLimit,
  deadLetters: rule('the DeadLetters of the application: app.get(DeadLetters)', (value) =>
    hasMethods((value as { readonly handlers?: unknown }).handlers, ['add']),
  ),
  events: { ...CONSUMER_DEFAULTS, consumer: oneOf(['pattern', 'service']) },
  jetStreamEvents: objectWith(
    ['emit', 'listen'],
    'the JetStreamEvents of the application: app.get(JetStreamEvents)',
  ),
  name: required(
    rule(
      'the name of the service, without spaces, ".", "*", ">", "/" and "\\"',
      (value) => resourceName(value, '').length === 0,
    ),
  ),
  provisioning: provisioningRule,
  queue: rule(
    'a name without spaces, or false',
    (value) => value === false || (typeof value === 'string' && queueName(value, '').length === 0),
  ),
  requests: CONSUMER_DEFAULTS,
  settlement: objectWith(
    ['onStart', 'onSuccess', 'onFailure'],
    'an object with the methods onStart, onSuccess and onFailure, such as a MessageSettlement',
  ),
  shutdownTimeout: timeLimit,
  streams: new ListOf(STREAM_DECLARATION_OPTIONS, 'a list of streams'),
} satisfies AllOptionsOf<JetStreamServerOptions>;

/** The extras of patterns. */
const EXTRAS = {
  ...CONSUMER_DEFAULTS,
  broadcast: flag,
  enabled: flag,
  durable: resourceName,
  maxPending: count(0, MOST_BUFFERED),
  mode: modeRule,
  ordered: flag,
  queue: queueName,
} satisfies AllOptionsOf<EventExtras | RequestExtras>;

/** Options of `@JsConsumer` that patterns do not have, because their handlers run in Nest's own pipeline. */
const NOT_FOR_PATTERNS = ['ackPolicy', 'batch', 'codec', 'filterSubjects', 'idempotent', 'push', 'schema'];

/** The result of reading the extras of a pattern. */
export interface ExtrasRead {
  /** The known extras with valid values. */
  readonly extras: Readonly<Record<string, unknown>>;
  /** Problems with extras that are misspelled or have an invalid value. */
  readonly problems: readonly string[];
  /** Unknown names that do not resemble a known one: they may belong to another transport of the application. */
  readonly foreign: readonly string[];
}

/** Reads the extras of a pattern once. */
export function readExtras(given: Readonly<Record<string, unknown>>): ExtrasRead {
  const { options, problems } = readOptions<Readonly<Record<string, unknown>>>(given, EXTRAS, 'the extras');
  const names = Object.keys(EXTRAS);
  const others = ownNames(given).filter(
    (name) => !names.includes(name) && propertyOf(given, name) !== undefined,
  );
  const refused = others.filter((name) => NOT_FOR_PATTERNS.includes(name));
  const foreign = others.filter((name) => !refused.includes(name) && nearestName(name, names) === undefined);
  const sentences = problems
    .filter(({ option }) => !refused.includes(option) && !foreign.includes(option))
    .map(({ sentence }) => sentence);
  if (refused.length > 0)
    sentences.push(`patterns do not support ${refused.join(', ')}: use @JsConsumer instead`);
  return { extras: options, problems: sentences, foreign };
}
