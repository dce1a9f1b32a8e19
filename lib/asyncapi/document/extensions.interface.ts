/**
 * The members of `x-jetstream`: what NATS and JetStream have beyond AsyncAPI. Durations are in milliseconds, sizes in
 * bytes. Options that have their default on the server are omitted.
 */

/** A declared stream or bucket: its options as they were declared, without codecs. */
export type DeclaredConfig = Readonly<Record<string, unknown>>;

/** `x-jetstream` of a server. */
export interface ServerExtension {
  /** The name of the connection, or of the microservice that opens one of its own. */
  readonly connection: string;
  /** The addresses of all servers, if there are several. */
  readonly hosts?: readonly string[];
  /** The JetStream domain. */
  readonly domain?: string;
  /** The declared streams, by name. */
  readonly streams?: Readonly<Record<string, DeclaredConfig>>;
  /** The declared Key-Value buckets, by name. */
  readonly keyValues?: Readonly<Record<string, DeclaredConfig>>;
  /** The declared Object Store buckets, by name. */
  readonly objectStores?: Readonly<Record<string, DeclaredConfig>>;
}

/** `x-jetstream` of a channel. */
export interface ChannelExtension {
  /**
   * The owner of these subjects: a stream, core NATS, a Key-Value bucket, an Object Store bucket (the descriptions of its
   * objects), or the answers of requests.
   */
  readonly kind: 'stream' | 'core' | 'key-value' | 'object-store' | 'reply';
  /** The subjects with wildcards, such as `orders.*.placed`. */
  readonly filter?: string;
  /** The stream that stores the messages, if the application declares it or names it. */
  readonly stream?: string;
  readonly bucket?: string;
}

/** `x-jetstream` of a message. */
export interface MessageExtension {
  /** The subject of its contract, such as `orders.:id.placed`. */
  readonly contract?: string;
  /** When payloads are validated. */
  readonly validate?: 'publish' | 'consume' | 'both' | 'off';
}

/** `x-jetstream` of an operation. */
export interface OperationExtension {
  readonly kind:
    | 'consumer'
    | 'ordered-consumer'
    | 'push-consumer'
    | 'key-value-watch'
    | 'object-watch'
    | 'subscription'
    | 'event'
    | 'request'
    | 'publisher'
    | 'result';
  /** The handler, as `Handlers` names it, or its class and method. Publishers have none. */
  readonly handler?: string;
  readonly connection: string;
  readonly stream?: string;
  /** The durable consumer. */
  readonly durable?: string;
  /** The filter subjects of the consumer. */
  readonly filterSubjects?: readonly string[];
  readonly deliverPolicy?: string;
  readonly replayPolicy?: string;
  readonly headersOnly?: boolean;
  readonly ackMode?: string;
  readonly ackPolicy?: 'explicit' | 'all' | 'none';
  readonly ackWait?: number;
  /** The maximum number of deliveries; omitted if there is no limit. */
  readonly maxDeliver?: number;
  /** The longest wait before each further delivery. */
  readonly backoff?: readonly number[];
  /** The stream and the subject of messages that cannot be handled. */
  readonly deadLetter?: { readonly stream: string; readonly subject: string };
  /** How many messages an instance handles at once. */
  readonly concurrency?: number;
  readonly batch?: { readonly size: number; readonly maxWait?: number };
  /** The token of the subject whose order is kept, or `function`. */
  readonly orderBy?: number | 'function';
  readonly rateLimit?: { readonly messages: number; readonly per: number };
  readonly circuitBreaker?: {
    readonly failureRatio?: number;
    readonly window?: number;
    readonly pause?: number;
  };
  readonly idempotent?: { readonly bucket: string; readonly key: string; readonly ttl?: number };
  readonly maxAckPending?: number;
  readonly inactiveThreshold?: number;
  readonly priorityPolicy?: string;
  readonly priorityGroups?: readonly string[];
  /** The subject and the queue group of a push consumer. */
  readonly push?: { readonly deliverSubject?: string; readonly deliverGroup?: string };
  /** The dead letters that the handler receives. */
  readonly deadLetters?: Readonly<Record<string, string>>;
  readonly bucket?: string;
  /** The keys of a watch. */
  readonly keys?: readonly string[];
  readonly includeHistory?: boolean;
  readonly updatesOnly?: boolean;
  readonly ignoreDeletes?: boolean;
  readonly metaOnly?: boolean;
  /** The microservice that serves a pattern. */
  readonly service?: string;
  /** Whether messages of a pattern are kept in a stream. */
  readonly mode?: 'jetstream' | 'core';
  /** Whether every instance of the service receives every event. */
  readonly broadcast?: boolean;
  /** How the subject of a result is chosen: a template such as `invoices.{1}`, or `function`. */
  readonly subject?: string;
}
