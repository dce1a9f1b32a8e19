import type { NestInterceptor, Type } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import type { ConsumerConfig, JetStreamMessage, OrderedConsumerConfig } from '../../jetstream/index.js';
import type { IdempotenceOptions } from '../idempotence/index.js';
import type { AckMode, RetryOptions, Settlement } from '../settlement/index.js';
import type { StandardSchema } from './standard-schema.js';

/** What settles messages instead of {@link MessageSettlement}: a class that Nest creates, or an instance. */
export type SettlementOption = Type<Settlement | NestInterceptor> | Settlement | NestInterceptor;

/** What a handler may set, and the module for all its handlers under `handlers`. Durations in milliseconds. */
export interface HandlerDefaults {
  /**
   * How many messages are handled at once, 65,536 at the most. Default 1: one after another, in the order in which the server
   * first delivers them. Messages that come again, after a failure or a pause, may come after later ones.
   */
  readonly concurrency?: number | undefined;
  /**
   * How long the server waits for a message to be settled before it delivers it again. A handler that takes longer is
   * kept alive (see `maxProcessingTime`). Default 30,000; at least 100.
   */
  readonly ackWait?: number | undefined;
  /** When a message counts as handled. Default `auto`. */
  readonly ackMode?: AckMode | undefined;
  /** What happens to a message whose handler throws. */
  readonly retry?: RetryOptions | undefined;
  /**
   * Keeps messages that cannot be handled in a dead-letter stream (see {@link DeadLetters}). Default: false. A handler of
   * the dead-letter stream itself has none.
   */
  readonly deadLetter?: boolean | undefined;
  /**
   * Settles messages instead of {@link MessageSettlement}: a subclass of it, another {@link Settlement}, or an interceptor that
   * settles the message of its `JetStreamContext`, such as a subclass of {@link AckInterceptor}. Nest creates a class, which may
   * inject what the handler's module can.
   */
  readonly settlement?: SettlementOption | undefined;
  /** The longest that one message is kept alive beyond `ackWait`. Default: as long as its handler runs. */
  readonly maxProcessingTime?: number | undefined;
  /**
   * The most messages that are pulled ahead, 16,777,216 at the most. Default 500, or twice `concurrency`; fewer where handlers
   * are slow.
   */
  readonly maxMessages?: number | undefined;
}

/** How many messages are started in a time at the most. */
export interface RateLimit {
  readonly messages: number;
  /** In milliseconds. */
  readonly per: number;
}

/** When a handler is given a rest because too much of what it does fails. */
export interface CircuitBreakerOptions {
  /** The share of failures, above 0 and up to 1, at which the circuit opens. Default 0.5. */
  readonly failureRatio?: number | undefined;
  /** Over how many messages the share is taken, 65,536 at the most. Default 20. */
  readonly window?: number | undefined;
  /** How long nothing is started then, in milliseconds; after it one message is tried. Default 10,000. */
  readonly pause?: number | undefined;
}

/** How messages are put together. */
export interface BatchOptions {
  /** The most messages of a batch. Together with `concurrency` at most 65,536 messages may be in flight. */
  readonly size: number;
  /** How long the first message of a batch waits for others, in milliseconds. Default 1,000. */
  readonly maxWait?: number | undefined;
}

/** How a push consumer delivers. */
export interface PushOptions {
  /** Where to. Default: a new inbox, which instances of a service cannot share. */
  readonly deliverSubject?: string | undefined;
  /** The queue group in which instances share the messages. */
  readonly deliverGroup?: string | undefined;
  /** The server waits for a slow handler. Default: true without a `deliverGroup`, which excludes it. */
  readonly flowControl?: boolean | undefined;
  /** After how many milliseconds of silence the server sends a heartbeat. Default 5,000. */
  readonly idleHeartbeat?: number | undefined;
}

/** What all forms of {@link JsConsumer} have in common. */
interface CommonOptions extends HandlerDefaults {
  /** The stream to consume. */
  readonly stream: string;
  /** Only messages on these subjects; wildcards allowed. Several need nats-server 2.10. Default: the whole stream. */
  readonly filterSubjects?: string | readonly string[] | undefined;
  /** Starts no more messages than this. */
  readonly rateLimit?: RateLimit | undefined;
  /** Pauses while a share of the messages fails. Default: never. */
  readonly circuitBreaker?: CircuitBreakerOptions | undefined;
  /** Checks each payload, and gives the handler what the schema makes of it: any Standard Schema, such as zod's. */
  readonly schema?: StandardSchema | undefined;
  /** Decodes all payloads, whatever their `Content-Type` header says. Default: that header's, else the module's. */
  readonly codec?: Codec | undefined;
  /** Runs the handler once a key, whichever instance gets the message. Needs `durable` or `name`. Default: not. */
  readonly idempotent?: IdempotenceOptions | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}

/** The options of the consumer itself; what handlers have their own words for is left out. */
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
   * the consumer is ephemeral: made at bootstrap, removed by the server when unused.
   */
  readonly durable?: string | undefined;
  /**
   * Messages of one key are handled one after another, while keys run in parallel up to `concurrency`. The key is a
   * token of the subject, by its position from 0, or what a function says. Messages that come again, after a failure or a
   * pause, may come after later ones of their key.
   */
  readonly orderBy?: number | ((message: JetStreamMessage) => string) | undefined;
  /** The handler gets arrays: `@Payload()` all payloads, `@Ctx()` a {@link JetStreamBatchContext}. */
  readonly batch?: BatchOptions | undefined;
  /** `all`: one acknowledgement settles a whole batch; only with `batch` and a concurrency of 1. Default `explicit`. */
  readonly ackPolicy?: 'explicit' | 'all' | undefined;
  /** The group to pull in, one of `priorityGroups` (ADR-42). nats-server 2.11. */
  readonly priorityGroup?: string | undefined;
  /** Pull in the group only while so many messages wait. nats-server 2.11. */
  readonly minPending?: number | undefined;
  /** Pull in the group only while so many messages are unsettled. nats-server 2.11. */
  readonly minAckPending?: number | undefined;
  /** The place in the group, 0 (first) to 9. nats-server 2.12. */
  readonly priority?: number | undefined;
  readonly ordered?: undefined;
  readonly push?: undefined;
}

/**
 * Options of a handler on an ordered consumer: it reads the stream in order for this instance alone, without
 * acknowledgements, and resumes by itself, also after {@link Handlers.pause}; {@link Handlers.stop} and
 * {@link Handlers.start} begin again where `deliverPolicy` says. A message that fails is handled again on the spot, with the backoff and up
 * to the `maxDeliver` of `retry` (default 5), then reported and passed over.
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

/** Options of a handler on a push consumer, for deployments that have push consumers already. */
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

/** Options of {@link JsConsumer}: those of its consumer, and how its messages are handled. */
export type JsConsumerOptions = PullJsConsumerOptions | OrderedJsConsumerOptions | PushJsConsumerOptions;
