import type { AllOptionsOf } from '../../validation/index.js';
import type {
  BatchOptions,
  CircuitBreakerOptions,
  HandlerDefaults,
  JsConsumerOptions,
  KvWatchOptions,
  ObjectWatchHandlerOptions,
  PushOptions,
  RateLimit,
  SubscribeOptions,
} from '../decorators/index.js';
import type { PublishToOptions } from '../forwarding/index.js';
import type { IdempotenceOptions } from '../idempotence/index.js';
import type { ErrorRetryRule, RetryOptions, RetryRule } from '../settlement/index.js';

const retryRule = {
  maxDeliver: true,
  backoff: true,
  jitter: true,
  retryIf: true,
} satisfies AllOptionsOf<RetryRule>;

/** The options of `handlers` of `JetStreamModule.forRoot`, without `consumers`. */
export const HANDLER_DEFAULTS = {
  concurrency: true,
  ackWait: true,
  ackMode: true,
  retry: {
    ...retryRule,
    errors: { ...retryRule, type: true } satisfies AllOptionsOf<ErrorRetryRule>,
  } satisfies AllOptionsOf<RetryOptions>,
  deadLetter: true,
  ackInterceptor: true,
  maxProcessingTime: true,
  maxMessages: true,
} satisfies AllOptionsOf<HandlerDefaults>;

/** The options of {@link JsConsumer}. */
export const CONSUMER_OPTIONS = {
  ...HANDLER_DEFAULTS,
  stream: true,
  filterSubjects: true,
  rateLimit: { messages: true, per: true } satisfies AllOptionsOf<RateLimit>,
  circuitBreaker: {
    failureRatio: true,
    window: true,
    pause: true,
  } satisfies AllOptionsOf<CircuitBreakerOptions>,
  schema: true,
  codec: true,
  idempotent: { bucket: true, key: true, ttl: true, lease: true } satisfies AllOptionsOf<IdempotenceOptions>,
  connection: true,
  durable: true,
  name: true,
  namePrefix: true,
  orderBy: true,
  batch: { size: true, maxWait: true } satisfies AllOptionsOf<BatchOptions>,
  ordered: true,
  push: {
    deliverSubject: true,
    deliverGroup: true,
    flowControl: true,
    idleHeartbeat: true,
  } satisfies AllOptionsOf<PushOptions>,
  group: true,
  minPending: true,
  minAckPending: true,
  priority: true,
  ackPolicy: true,
  description: true,
  deliverPolicy: true,
  startSequence: true,
  startTime: true,
  replayPolicy: true,
  rateLimitBps: true,
  sampleFrequency: true,
  maxAckPending: true,
  headersOnly: true,
  inactiveThreshold: true,
  replicas: true,
  memoryStorage: true,
  metadata: true,
  pauseUntil: true,
  raw: true,
  maxWaiting: true,
  maxRequestBatch: true,
  maxRequestExpires: true,
  maxRequestMaxBytes: true,
  priorityPolicy: true,
  priorityGroups: true,
  pinnedTtl: true,
} satisfies AllOptionsOf<JsConsumerOptions>;

/** The options of {@link KvWatch}. */
export const KV_WATCH_OPTIONS = {
  keys: true,
  includeHistory: true,
  updatesOnly: true,
  ignoreDeletes: true,
  metaOnly: true,
  resumeFromRevision: true,
  connection: true,
} satisfies AllOptionsOf<KvWatchOptions>;

/** The options of {@link ObjectWatch}. */
export const OBJECT_WATCH_OPTIONS = {
  includeHistory: true,
  updatesOnly: true,
  ignoreDeletes: true,
  connection: true,
} satisfies AllOptionsOf<ObjectWatchHandlerOptions>;

/** The options of {@link Subscribe}. */
export const SUBSCRIBE_OPTIONS = {
  queue: true,
  concurrency: true,
  maxPending: true,
  connection: true,
} satisfies AllOptionsOf<SubscribeOptions>;

/** The options of {@link PublishTo}. */
export const PUBLISH_TO_OPTIONS = {
  headers: true,
  codec: true,
  connection: true,
} satisfies AllOptionsOf<PublishToOptions>;
