import { codecRule } from '../../codecs/index.js';
import {
  settlementRule,
  CONSUMER_OPTIONS,
  enabledRule,
  type KvWatchHandlerOptions,
  MOST_BUFFERED,
  MOST_IN_FLIGHT,
  type NatsSubscribeOptions,
  type ObjectWatchHandlerOptions,
  type PublishToOptions,
} from '../../consuming/index.js';
import { headersRule } from '../../jetstream/index.js';
import {
  type AllOptionsOf,
  count,
  filledText,
  flag,
  functionRule,
  listOf,
  oneOf,
  oneOrMore,
  queueName,
  required,
  resourceName,
  subjectRule,
  text,
} from '../../validation/index.js';
import type { MessageConsumerOptions } from './message-consumer-options.js';
import type { OnDeadLetterOptions } from './on-dead-letter-options.interface.js';
import type { FactoryOptions } from './resolved-options.js';

const { filterSubjects: _, schema: __, ...withoutSource } = CONSUMER_OPTIONS;

/** The options of {@link JsConsumer} with a message contract. */
export const MESSAGE_CONSUMER_OPTIONS = {
  ...withoutSource,
  stream: resourceName,
} satisfies AllOptionsOf<MessageConsumerOptions>;

/** The options of {@link OnDeadLetter}. */
export const ON_DEAD_LETTER_OPTIONS = {
  stream: resourceName,
  consumer: resourceName,
  handler: filledText,
  reason: text,
  subject: subjectRule,
  settlement: settlementRule,
  ackMode: CONSUMER_OPTIONS.ackMode,
  ackWait: CONSUMER_OPTIONS.ackWait,
  concurrency: CONSUMER_OPTIONS.concurrency,
  connection: CONSUMER_OPTIONS.connection,
  enabled: enabledRule,
  maxProcessingTime: CONSUMER_OPTIONS.maxProcessingTime,
  retry: CONSUMER_OPTIONS.retry,
  durable: CONSUMER_OPTIONS.durable,
  deliverPolicy: oneOf(['new', 'all']),
} satisfies AllOptionsOf<OnDeadLetterOptions>;

/** The options of {@link KvWatch}. */
export const KV_WATCH_OPTIONS = {
  keys: oneOrMore(filledText),
  includeHistory: flag,
  updatesOnly: flag,
  ignoreDeletes: flag,
  metaOnly: flag,
  resumeFromRevision: count(),
  waitForInitialValues: flag,
  connection: text,
  enabled: enabledRule,
} satisfies AllOptionsOf<KvWatchHandlerOptions>;

/** The options of {@link ObjectWatch}. */
export const OBJECT_WATCH_OPTIONS = {
  includeHistory: flag,
  updatesOnly: flag,
  ignoreDeletes: flag,
  waitForInitialValues: flag,
  connection: text,
  enabled: enabledRule,
} satisfies AllOptionsOf<ObjectWatchHandlerOptions>;

/** The options of {@link NatsSubscribe}. */
export const SUBSCRIBE_OPTIONS = {
  queue: queueName,
  concurrency: count(1, MOST_IN_FLIGHT),
  maxPending: count(1, MOST_BUFFERED),
  connection: text,
  enabled: enabledRule,
} satisfies AllOptionsOf<NatsSubscribeOptions>;

/** The options of {@link PublishTo}. */
export const PUBLISH_TO_OPTIONS = {
  headers: headersRule,
  codec: codecRule,
  connection: text,
} satisfies AllOptionsOf<PublishToOptions>;

/** The options of {@link PublishTo} with a message contract, which chooses the codec. */
export const PUBLISH_MESSAGE_OPTIONS = {
  headers: headersRule,
  connection: text,
} satisfies AllOptionsOf<Omit<PublishToOptions, 'codec'>>;

/** Options that a factory creates at bootstrap. */
export const FACTORY_OPTIONS = {
  inject: listOf(() => [], 'a list of injection tokens'),
  useFactory: required(functionRule('a function')),
} satisfies AllOptionsOf<FactoryOptions<unknown>>;
