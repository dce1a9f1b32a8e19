import type { HandlerDefaults, PullJsConsumerOptions } from '../../consuming/index.js';

/** How the messages of a stream are consumed for a pattern. Durations in milliseconds. */
export interface ConsumerExtras
  extends
    Omit<HandlerDefaults, 'settlement'>,
    Pick<
      PullJsConsumerOptions,
      | 'circuitBreaker'
      | 'deliverPolicy'
      | 'description'
      | 'headersOnly'
      | 'inactiveThreshold'
      | 'maxAckPending'
      | 'memoryStorage'
      | 'metadata'
      | 'orderBy'
      | 'rateLimit'
      | 'raw'
      | 'replayPolicy'
      | 'replicas'
      | 'sampleFrequency'
      | 'startSequence'
      | 'startTime'
    > {
  /**
   * Stores messages that cannot be handled in a dead-letter stream. Default: true, unlike with `@JsConsumer`, so
   * `retry.maxDeliver` is 5 by default.
   */
  readonly deadLetter?: boolean | undefined;
  /** The stream that stores the messages. Default: the stream that listens on the pattern. */
  readonly stream?: string | undefined;
  /**
   * The name of the durable consumer, shared by all instances of the service. Default: composed of the name of the
   * service and the pattern, or the name of the service alone with `consumer: 'service'`.
   */
  readonly durable?: string | undefined;
}

/** Whether the pattern is served. */
export interface EnabledExtra {
  /**
   * Whether the server serves the pattern. Otherwise nothing is created on the NATS server for it. A pattern of a stream
   * is listed by {@link Handlers.list} and can be started by its name; a pattern of core NATS is not subscribed to.
   * Patterns that share a consumer must have the same value. Default: true.
   */
  readonly enabled?: boolean | undefined;
}

/**
 * The extras of `@EventPattern`: a durable consumer by default.
 *
 * @example
 * ```ts
 * @EventPattern('orders.*.created', { concurrency: 32, retry: { maxDeliver: 10 } } satisfies EventExtras)
 * ```
 */
export type EventExtras = EnabledExtra & EventForm;

type EventForm =
  | (ConsumerExtras & {
      readonly mode?: 'jetstream' | undefined;
      readonly broadcast?: false | undefined;
      readonly ordered?: false | undefined;
    })
  | (Omit<ConsumerExtras, 'durable'> & {
      readonly mode?: 'jetstream' | undefined;
      /**
       * Every instance of the service receives every event, starting with new ones (`deliverPolicy: 'new'`), through
       * its own consumer. Not for streams with work-queue retention.
       */
      readonly broadcast: true;
      readonly durable?: undefined;
      readonly ordered?: false | undefined;
    })
  | (Pick<
      ConsumerExtras,
      | 'deliverPolicy'
      | 'headersOnly'
      | 'inactiveThreshold'
      | 'metadata'
      | 'rateLimit'
      | 'replayPolicy'
      | 'retry'
      | 'startSequence'
      | 'startTime'
      | 'stream'
    > & {
      readonly mode?: 'jetstream' | undefined;
      /**
       * Every instance reads the stream in order, without acknowledgements, and resumes automatically. A failed event
       * is handled again immediately by the instance, as often as `retry` allows, and then skipped.
       */
      readonly ordered: true;
      /** Each instance keeps the events that it skips as dead letters. Default: the server's `events`, otherwise false. */
      readonly deadLetter?: boolean | undefined;
      readonly durable?: undefined;
      readonly broadcast?: boolean | undefined;
    })
  | {
      /** Core NATS: no stream, at most once. */
      readonly mode: 'core';
      /** The queue group in which instances share the events. Default: one for the service and the pattern. */
      readonly queue?: string | undefined;
      /** Every instance of the service receives every event. */
      readonly broadcast?: boolean | undefined;
    };

/** The extras of `@MessagePattern`: answered over core NATS by default. */
export type RequestExtras = EnabledExtra & RequestForm;

type RequestForm =
  | {
      readonly mode?: 'core' | undefined;
      /** The queue group in which instances share the requests. Default: the server's. */
      readonly queue?: string | undefined;
      /**
       * How many requests of the pattern an instance handles at once, at most 65,536; others wait. Default: no limit,
       * as with Nest's own transports.
       */
      readonly concurrency?: number | undefined;
      /**
       * How many requests may wait, with `concurrency`; further requests are answered at once with an error, `code`
       * 503. Default 65,536, at most 16,777,216.
       */
      readonly maxPending?: number | undefined;
    }
  | (ConsumerExtras & {
      /**
       * Requests wait in a stream until they are handled, so they survive restarts of the service and of the server;
       * clients send them with `mode: 'jetstream'`. If a handler fails with any error except an `RpcException`, it is
       * called again according to `retry`.
       */
      readonly mode: 'jetstream';
    });

/** Defaults for all patterns. */
export type ConsumerDefaults = Omit<ConsumerExtras, 'durable'>;
