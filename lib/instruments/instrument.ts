import type { Ending } from './outcome.js';

/** The headers of a message, such as `MsgHdrs` of the client. */
export interface ObservedHeaders {
  /** The first value of a header; an empty string if there is none. */
  get(name: string): string;
  /** The names of all headers. */
  keys(): string[];
}

/** The metadata of a message that a consumer delivered. */
export interface ObservedMetadata {
  readonly stream: string;
  readonly consumer: string;
  readonly streamSequence: number;
  readonly consumerSequence: number;
  /** The number of this delivery, from 1. */
  readonly deliveryCount: number;
  /** How many messages the consumer had not delivered yet. */
  readonly pending: number;
  /** When the stream stored the message. */
  readonly timestamp: Date;
}

/** A message or entry that was delivered to a handler. The same object is passed to all methods of an instrument. */
export interface ObservedDelivery {
  /** The subject of a message, the key of a Key-Value entry, or the name of an object. */
  readonly subject: string;
  readonly headers?: ObservedHeaders | undefined;
  /** The payload or the value of an entry, without copying. Empty for descriptions of objects. */
  readonly data: Uint8Array;
  /** Only for messages that a consumer delivered. */
  readonly metadata?: ObservedMetadata | undefined;
  /** Only for entries of watches: the sequence of the change in its bucket. */
  readonly revision?: number | undefined;
}

/** The form of a handler. `event` and `request` are the patterns of a microservice. */
export type HandlerForm =
  | 'consumer'
  | 'ordered'
  | 'push'
  | 'batch'
  | 'kv-watch'
  | 'object-watch'
  | 'subscription'
  | 'event'
  | 'request';

/** A handler, when it is compiled. */
export interface ObservedHandler {
  /** The class and method, or the pattern of a microservice. */
  readonly handler: string;
  readonly form: HandlerForm;
  /** The name of the connection. */
  readonly connection: string;
  /** The stream or bucket; the subject of a subscription or of a request. */
  readonly source: string;
  /** The consumer of the handler, if it has a name of its own: a durable one. */
  readonly consumer?: string | undefined;
  /** The subjects that the handler receives, with wildcards; empty if it receives all of the stream. */
  readonly patterns: readonly string[];
  /**
   * The group whose members share the messages, so that each message is delivered to one of them: the durable consumer,
   * the class whose methods share a consumer, the queue of a subscription. `undefined` if the handler receives all
   * messages itself.
   */
  readonly group?: string | undefined;
  /** Only for watches: whether the handler does not receive deletions. */
  readonly ignoreDeletes?: boolean | undefined;
}

/**
 * Observes the deliveries to one handler. All methods are optional, and each is called at most once for each delivery, in
 * the order `started`, `run`, `ended`; only watches call `run` again when they retry an entry. A delivery that is returned
 * before its handler is called only has an `ended`. If a method throws, the error is logged and has no other effect.
 */
export interface HandlerInstrument {
  /** Called before the handler. */
  started?(delivery: ObservedDelivery): void;
  /**
   * Wraps the call of the handler, for example to set an asynchronous context; it must call `next` once, synchronously.
   * Guards, pipes, interceptors, filters and `@PublishTo` run inside. Its return value is ignored.
   *
   * @param deliveries one delivery, or those of a batch
   */
  run?(deliveries: readonly ObservedDelivery[], next: () => void): void;
  /** Called when the delivery is settled. */
  ended?(delivery: ObservedDelivery, ending: Ending): void;
}

/**
 * The operations of services and clients. `object-update` changes the description of an object, `object-link` creates a
 * link to an object or bucket.
 */
export type OperationKind =
  | 'publish'
  | 'publish-batch'
  | 'ingest'
  | 'request'
  | 'kv-get'
  | 'kv-put'
  | 'kv-create'
  | 'kv-update'
  | 'kv-delete'
  | 'kv-purge'
  | 'object-get'
  | 'object-put'
  | 'object-update'
  | 'object-link'
  | 'object-delete'
  | 'dead-letter'
  | 'replay';

/** A kind of operation, when it is first used. */
export interface ObservedOperation {
  readonly kind: OperationKind;
  /** The name of the connection. */
  readonly connection: string;
  /** The bucket of Key-Value and Object Store operations. */
  readonly source?: string | undefined;
}

/** One operation. The same object is passed to all methods of an instrument. */
export interface ObservedCall {
  /** The subject, key or object name; an empty string if there are several. */
  readonly target: string;
  /** The declared subject of a stream that matches the target; `undefined` if no declared stream has one. */
  readonly pattern?: string | undefined;
  /** Why a message became a dead letter. */
  readonly reason?: string | undefined;
  /** The delivery that became a dead letter; `undefined` if it was not delivered to this process. */
  readonly delivery?: ObservedDelivery | undefined;
}

/** A message that is about to be sent. */
export interface ObservedMessage {
  readonly subject: string;
  /** The encoded payload. */
  readonly data: Uint8Array | string;
  /** Whether the message has a header of this name, ignoring case. */
  has(name: string): boolean;
}

/** How an operation ended. */
export interface CallResult {
  /** In milliseconds. */
  readonly duration: number;
  /** The error of the operation, if it failed. */
  readonly error?: unknown;
  /** The number of messages that were sent; 1 for single messages. */
  readonly count: number;
  /** The size of the payload in bytes, if it is known. */
  readonly size?: number | undefined;
  /** The stream that stored the message. */
  readonly stream?: string | undefined;
  /** The sequence of the message in its stream, or the revision of a change in its bucket. */
  readonly sequence?: number | undefined;
  /** Whether the stream had the message already. */
  readonly duplicate?: boolean | undefined;
}

/**
 * Observes the operations of one kind. All methods are optional. If a method throws, the error is logged and has no other
 * effect.
 */
export interface OperationInstrument {
  /** Called before anything is sent. */
  started?(call: ObservedCall): void;
  /**
   * Wraps the work of an operation that may call other code: a replay to a handler, storing a durable request, Key-Value
   * and Object Store operations, dead letters. It must call `next` once, synchronously. Its return value is ignored.
   */
  run?(call: ObservedCall, next: () => void): void;
  /**
   * Called for each message of the operation before it is sent; returns headers to add to it. Called for publishes,
   * requests and replays, for changes of keys, and for the descriptions of objects that are put, changed, linked or
   * deleted, again for each attempt if another client changes the description at the same time. The values are strings.
   * A promise is logged and ignored. Names that begin with `Nats-` are instructions for the server: do not use them.
   */
  headers?(call: ObservedCall, message: ObservedMessage): Readonly<Record<string, string>> | undefined;
  /** Called when the operation has succeeded or failed. */
  ended?(call: ObservedCall, result: CallResult): void;
}

/**
 * Observes messages wherever they enter or leave the application: for tracing, metrics, tests or an audit log.
 *
 * Register it in the constructor of a provider, by {@link JetStreamInstruments.register}, or by
 * `JetStreamModule.forRoot({ instruments: [...] })`; servers and clients of microservices take it as an option. Each method
 * is asked once: `handler` for each handler when the application starts, `operation` for each kind of operation when it is
 * first used, and again when the application has started. `undefined` means that the instrument is not interested; a promise is
 * logged and means the same.
 */
export interface JetStreamInstrument {
  handler?(handler: ObservedHandler): HandlerInstrument | undefined;
  operation?(operation: ObservedOperation): OperationInstrument | undefined;
}
