import type { ConsumerConfig } from '../../jetstream/index.js';
import type { AckMode, RetryOptions } from '../settlement/index.js';

/** What a handler may set, and the module for all its handlers under `handlers`. Durations in milliseconds. */
export interface HandlerDefaults {
  /** How many messages are handled at once. Default 1: one after another, in stream order. */
  readonly concurrency?: number;
  /**
   * How long the server waits for a message to be settled before it delivers it again. A handler that takes longer is
   * kept alive (see `maxProcessingTime`). Default 30,000; at least 100.
   */
  readonly ackWait?: number;
  /** When a message counts as handled. Default `auto`. */
  readonly ackMode?: AckMode;
  /** What happens to a message whose handler throws. */
  readonly retry?: RetryOptions;
  /** Keeps messages that cannot be handled in a dead-letter stream. Default: false. */
  readonly deadLetter?: boolean;
  /** The longest that one message is kept alive beyond `ackWait`. Default: as long as its handler runs. */
  readonly maxProcessingTime?: number;
  /** The most messages that are pulled ahead. Default 500; fewer where handlers are slow. */
  readonly maxMessages?: number;
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

/** Options of {@link JsConsumer}: those of its consumer, and how its messages are handled. */
export interface JsConsumerOptions extends ConsumerOptions, HandlerDefaults {
  /** The stream to consume. */
  readonly stream: string;
  /**
   * The name of a durable consumer: it outlives the application, and the instances of a service share it. Without it
   * the consumer is ephemeral: made at bootstrap, removed by the server when unused.
   */
  readonly durable?: string;
  /** Only messages on these subjects; wildcards allowed. Several need nats-server 2.10. Default: the whole stream. */
  readonly filterSubjects?: string | readonly string[];
  /** The name of the connection. Default: `default`. */
  readonly connection?: string;
}
