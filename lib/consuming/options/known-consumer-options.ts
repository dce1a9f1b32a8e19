import { codecRule } from '../../codecs/index.js';
import { DeliverPolicy, PriorityPolicy, ReplayPolicy, replicaCount } from '../../jetstream/index.js';
import {
  type AllOptionsOf,
  count,
  duration,
  filledText,
  flag,
  functionRule,
  limit,
  listOf,
  ListOf,
  oneOf,
  oneOrMore,
  pairs,
  queueName,
  rawFields,
  required,
  resourceName,
  serverDuration,
  serverTtl,
  share,
  subjectRule,
  text,
  texts,
  validDate,
} from '../../validation/index.js';
import type { IdempotenceOptions } from '../idempotence/index.js';
import type { AckMode, ErrorRetryRule, RetryOptions, RetryRule } from '../settlement/index.js';
import type {
  BatchOptions,
  CircuitBreakerOptions,
  HandlerDefaults,
  JsConsumerOptions,
  PushOptions,
  RateLimit,
} from './js-consumer-options.interface.js';
import { enabledRule } from './handler-enabled.js';
import {
  settlementRule,
  bucketName,
  deliverSubject,
  errorClass,
  idempotenceKey,
  jitter,
  maxDeliver,
  orderBy,
  priority,
  sampleFrequency,
  schemaRule,
} from './option-rules.js';

/**
 * The limit of messages in flight for one handler in one instance, and of the size of batches and circuit-breaker
 * windows. It is far more than a process can handle at once, and far less than would exhaust its memory.
 */
export const MOST_IN_FLIGHT = 65_536;
/** The limit of buffered messages of one handler. */
export const MOST_BUFFERED = 16_777_216;

const ACK_MODES: readonly AckMode[] = ['auto', 'confirmed', 'manual', 'first', 'none'];

const retryRule = {
  maxDeliver,
  backoff: listOf(serverDuration(), 'a list of milliseconds', 1),
  jitter,
  retryIf: functionRule('a function of the error'),
} satisfies AllOptionsOf<RetryRule>;

const errorRetryRule = {
  ...retryRule,
  type: required(errorClass),
} satisfies AllOptionsOf<ErrorRetryRule>;

/** The options of `handlers` of `JetStreamModule.forRoot`, without `consumers`. */
export const HANDLER_DEFAULTS = {
  concurrency: count(1, MOST_IN_FLIGHT),
  ackWait: serverDuration(100),
  ackMode: oneOf(ACK_MODES),
  retry: {
    ...retryRule,
    errors: new ListOf(errorRetryRule, 'a list of rules, each with the type of its errors'),
  } satisfies AllOptionsOf<RetryOptions>,
  deadLetter: flag,
  settlement: settlementRule,
  maxProcessingTime: duration(),
  maxMessages: count(1, MOST_BUFFERED),
} satisfies AllOptionsOf<HandlerDefaults>;

/** The options of {@link JsConsumer}. */
export const CONSUMER_OPTIONS = {
  ...HANDLER_DEFAULTS,
  stream: required(resourceName),
  filterSubjects: oneOrMore(subjectRule),
  rateLimit: {
    messages: required(count()),
    per: required(duration(1)),
  } satisfies AllOptionsOf<RateLimit>,
  circuitBreaker: {
    failureRatio: share,
    window: count(1, MOST_IN_FLIGHT),
    pause: duration(1),
  } satisfies AllOptionsOf<CircuitBreakerOptions>,
  schema: schemaRule,
  codec: codecRule,
  idempotent: {
    bucket: required(bucketName),
    key: idempotenceKey,
    ttl: serverTtl(1_000),
    lease: serverDuration(100),
  } satisfies AllOptionsOf<IdempotenceOptions>,
  connection: text,
  enabled: enabledRule,
  durable: resourceName,
  name: resourceName,
  namePrefix: resourceName,
  orderBy,
  batch: {
    size: required(count(1, MOST_IN_FLIGHT)),
    maxWait: duration(),
  } satisfies AllOptionsOf<BatchOptions>,
  ordered: flag,
  push: {
    deliverSubject,
    deliverGroup: queueName,
    flowControl: flag,
    idleHeartbeat: serverDuration(100),
  } satisfies AllOptionsOf<PushOptions>,
  priorityGroup: filledText,
  minPending: count(),
  minAckPending: count(),
  priority,
  ackPolicy: oneOf(['explicit', 'all']),
  description: text,
  deliverPolicy: oneOf(Object.values(DeliverPolicy)),
  startSequence: count(),
  startTime: validDate,
  replayPolicy: oneOf(Object.values(ReplayPolicy)),
  rateLimitBps: count(0),
  sampleFrequency,
  maxAckPending: limit,
  headersOnly: flag,
  inactiveThreshold: serverDuration(),
  replicas: replicaCount,
  memoryStorage: flag,
  metadata: pairs,
  pauseUntil: validDate,
  raw: rawFields,
  maxWaiting: count(0),
  maxRequestBatch: count(0),
  maxRequestExpires: serverDuration(),
  maxRequestMaxBytes: count(0),
  priorityPolicy: oneOf(Object.values(PriorityPolicy)),
  priorityGroups: texts,
  pinnedTtl: serverDuration(),
} satisfies AllOptionsOf<JsConsumerOptions>;
