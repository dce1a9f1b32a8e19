import type { NestInterceptor, Type } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import type { StandardSchema } from '../../contracts/index.js';
import type { ConsumerConfig, JetStreamMessage, OrderedConsumerConfig } from '../../jetstream/index.js';
import type { IdempotenceOptions } from '../idempotence/index.js';
import type { AckMode, RetryOptions, Settlement } from '../settlement/index.js';
import type { EnabledOption } from './handler-enabled.js';

/** Settles messages instead of {@link MessageSettlement}: a class that Nest instantiates, or an instance. */
export type SettlementOption = Type<Settlement | NestInterceptor> | Settlement | NestInterceptor;

/**
 * Options of a handler, which the module may also set for all its handlers under `handlers`. Durations in milliseconds.
 */
export interface HandlerDefaults {
  /**
   * How many messages are handled at once, at most 65,536. Default 1: one after another, in the order in which the
   * server first delivers them. Messages that are delivered again, after a failure or a pause, may come after later
   * ones.
   */
  readonly concurrency?: number | undefined;
  /**
   * How long the server waits for a message to be settled before it delivers it again. If a handler takes longer, its
   * message is kept in progress (see `maxProcessingTime`). Default 30,000; at least 100.
   */
  readonly ackWait?: number | undefined;
  /** When a message counts as handled. Default `auto`. */
  readonly ackMode?: AckMode | undefined;
  /** How a message whose handler throws is retried. */
  readonly retry?: RetryOptions | undefined;
  /**
   * Stores messages that cannot be handled in a dead-letter stream (see {@link DeadLetters}). Default: false. Handlers
   * of the dead-letter stream itself have no dead letters.
   */
  readonly deadLetter?: boolean | undefined;
  /**
   * Settles messages instead of {@link MessageSettlement}: a subclass of it, another {@link Settlement}, or an
   * interceptor that settles the message of its `JetStreamContext`, such as a subclass of {@link AckInterceptor}. Nest
   * instantiates a class; it can inject the same providers as the handler's module.
   */
  readonly settlement?: SettlementOption | undefined;
  /** How long a message may be kept in progress beyond `ackWait`. Default: as long as its handler runs. */
  readonly maxProcessingTime?: number | undefined;
  /**
   * The maximum number of messages that are pulled ahead, at most 16,777,216. Default 500, or twice `concurrency`;
   * fewer if handlers are slow.
   */
  readonly maxMessages?: number | undefined;
}

/** The maximum number of messages that are started per period. */
export interface RateLimit {
  readonly messages: number;
  /** The period, in milliseconds. */
  readonly per: number;
}

/** When a handler is paused because too many of its messages fail. */
export interface CircuitBreakerOptions {
  /** The ratio of failed messages, above 0 and up to 1, at which the circuit opens. Default 0.5. */
  readonly failureRatio?: number | undefined;
  /** The number of most recent messages that the ratio is computed from, at most 65,536. Default 20. */
  readonly window?: number | undefined;
  /**
   * How long no message is started after the circuit opened, in milliseconds; then one message is tried. Default
   * 10,000.
   */
  readonly pause?: number | undefined;
}

/** How messages are collected to batches. */
export interface BatchOptions {
  /**
   * The maximum number of messages of a batch. Together with `concurrency` at most 65,536 messages may be in flight.
   */
  readonly size: number;
  /** How long the first message of a batch waits for others, in milliseconds. Default 1,000. */
  readonly maxWait?: number | undefined;
}

/** How a push consumer delivers. */
export interface PushOptions {
  /** The subject to deliver to. Default: a new inbox, which instances of a service cannot share. */
  readonly deliverSubject?: string | undefined;
  /** The queue group in which instances share the messages. */
  readonly deliverGroup?: string | undefined;
  /**
   * Whether the server waits for a slow handler. Default: true without a `deliverGroup`; the two cannot be combined.
   */
  readonly flowControl?: boolean | undefined;
  /** After how many milliseconds of silence the server sends a heartbeat. Default 5,000. */
  readonly idleHeartbeat?: number | undefined;
}

/** The options that all forms of {@link JsConsumer} share. */
interface CommonOptions extends HandlerDefaults, EnabledOption {
  /** The stream to consume. */
  readonly stream: string;
  /**
   * Only messages on these subjects; wildcards are allowed. Several subjects need nats-server 2.10. Default: the whole
   * stream.
   */
  readonly filterSubjects?: string | readonly string[] | undefined;
  /** The maximum rate at which messages are started. */
  readonly rateLimit?: RateLimit | undefined;
  /** Pauses the handler while a given ratio of its messages fails. Default: never. */
  readonly circuitBreaker?: CircuitBreakerOptions | undefined;
  /**
   * Validates each payload and passes the output of the schema to the handler. Any Standard Schema is accepted, such as
   * zod's.
   */
  readonly schema?: StandardSchema | undefined;
  /**
   * Decodes all payloads, regardless of their `Content-Type` header. Default: the codec of that header, otherwise the
   * module's.
   */
  readonly codec?: Codec | undefined;
  /**
   * Runs the handler once per key, regardless of the instance that receives the message. Needs `durable` or `name`.
   * Default: disabled.
   */
  readonly idempotent?: IdempotenceOptions | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}

/** The options of the consumer itself, without those that handler options replace. */
type ConsumerOptions = Omit<
  ConsumerConfig,
  | 'filterSubject'
  | 'filterSubjects'
  | 'ackWait'
  | 'ackPolicy'
  | 'maxDeliver'
  | 'backoff'
  | 'deliverSubject'
  | 'durable'
>;

/** Options of a handler on a pull consumer: the usual form. */
export interface PullJsConsumerOptions extends CommonOptions, ConsumerOptions {
  /**
   * The name of a durable consumer: it outlives the application, and the instances of a service share it. Without it
   * the consumer is ephemeral: it is created at bootstrap, and the server removes it when it is unused.
   */
  readonly durable?: string | undefined;
  /**
   * Messages with the same key are handled one after another, while different keys run in parallel up to `concurrency`.
   * The key is a token of the subject, by its position from 0, or the result of a function. Messages that are delivered
   * again, after a failure or a pause, may come after later ones of their key.
   */
  readonly orderBy?: number | ((message: JetStreamMessage) => string) | undefined;
  /** The handler receives arrays: `@Payload()` is an array of payloads, `@Ctx()` a {@link JetStreamBatchContext}. */
  readonly batch?: BatchOptions | undefined;
  /** `all`: one acknowledgement settles a whole batch; only with `batch` and a concurrency of 1. Default `explicit`. */
  readonly ackPolicy?: 'explicit' | 'all' | undefined;
  /** The group in which to pull, one of `priorityGroups` (ADR-42). nats-server 2.11. */
  readonly priorityGroup?: string | undefined;
  /** Pulls in the group only while at least this many messages are waiting. nats-server 2.11. */
  readonly minPending?: number | undefined;
  /** Pulls in the group only while at least this many messages are unsettled. nats-server 2.11. */
  readonly minAckPending?: number | undefined;
  /** The priority in the group, 0 (first) to 9. nats-server 2.12. */
  readonly priority?: number | undefined;
  readonly ordered?: undefined;
  readonly push?: undefined;
}

/**
 * Options of a handler on an ordered consumer: it reads the stream in order for this instance alone, without
 * acknowledgements, and resumes by itself, also after {@link Handlers.pause}; {@link Handlers.stop} and
 * {@link Handlers.start} start again at the position of `deliverPolicy`. A failed message is handled again immediately
 * by this instance, with the backoff and up to the `maxDeliver` of `retry` (default 5), then reported and skipped.
 */
export interface OrderedJsConsumerOptions
  extends CommonOptions, Omit<OrderedConsumerConfig, 'filterSubjects' | 'maxResetAttempts'> {
  readonly ordered: true;
  readonly concurrency?: 1 | undefined;
  readonly ackMode?: undefined;
  readonly durable?: undefined;
  readonly name?: undefined;
  readonly idempotent?: undefined;
  readonly orderBy?: undefined;
  readonly batch?: undefined;
  readonly ackPolicy?: undefined;
  readonly priorityGroup?: undefined;
  readonly push?: undefined;
}

/** Options of a handler on a push consumer, for deployments that already use push consumers. */
export interface PushJsConsumerOptions
  extends
    CommonOptions,
    Omit<
      ConsumerOptions,
      | 'maxWaiting'
      | 'maxRequestBatch'
      | 'maxRequestExpires'
      | 'maxRequestMaxBytes'
      | 'priorityPolicy'
      | 'priorityGroups'
      | 'pinnedTtl'
    > {
  readonly push: PushOptions;
  readonly durable?: string | undefined;
  readonly orderBy?: PullJsConsumerOptions['orderBy'] | undefined;
  readonly batch?: undefined;
  readonly ackPolicy?: undefined;
  readonly priorityGroup?: undefined;
  readonly ordered?: undefined;
}

/** Options of {@link JsConsumer}: the options of its consumer, and how its messages are handled. */
export type JsConsumerOptions = PullJsConsumerOptions | OrderedJsConsumerOptions | PushJsConsumerOptions;
