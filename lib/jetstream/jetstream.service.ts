import type { Boot, ConnectionStatus, JetStreamConnection } from '../connection/index.js';
import type { Requests } from '../requests/index.js';
import { accountInfo, type AccountInfo } from './account-info.js';
import { untilAborted } from '../timing/index.js';
import { throwIfAborted } from '../user-code/index.js';
import { type CallOptions, JetStreamApi, waitOf } from './api/index.js';
import {
  Consumers,
  OrderedConsumer,
  type Consumer,
  type ConsumerConfig,
  type ConsumerInfo,
  type ConsumerPause,
  type ConsumerReset,
  type ConsumerResetOptions,
  type OrderedConsumerConfig,
  type PushConsumer,
  type PushConsumerConfig,
} from './consumers/index.js';
import { DeclaredStreams } from './declared-streams.js';
import type { JetStreamServiceOptions } from './jetstream-service-options.interface.js';
import {
  Publisher,
  type BatchMessage,
  type Counter,
  type DeliveryOptions,
  type IncrementOptions,
  type IngestOptions,
  type IngestResult,
  type IngestSource,
  type OutgoingMessage,
  type PubAck,
  type PubAckFuture,
  type PublishOptions,
} from './publishing/index.js';
import {
  Streams,
  type Stream,
  type StreamConfig,
  type StreamInfo,
  type StreamListOptions,
} from './streams/index.js';

/** A microservice server on the connection of an application. */
export interface AttachedServer {
  /** Accepts no new work and waits for its handlers, for at most `timeout` milliseconds. It never rejects. */
  drain(timeout: number): Promise<void>;
}

/** The parts of a service that takes part in its own startup. */
export interface StartingService {
  readonly boot?: Boot | undefined;
  readonly declarations?: DeclaredStreams | undefined;
}

/**
 * Streams, consumers and publishing over one connection.
 *
 * Every method that sends requests has the options {@link CallOptions}: `timeout` and `signal`.
 *
 * Methods that send requests also reject with {@link RequestTimeoutError}, {@link ConnectionClosedError},
 * {@link PermissionDeniedError}, {@link JetStreamNotEnabledError}, and with {@link JetStreamApiError} if the server
 * refuses a request for a reason without an error class.
 */
export class JetStreamService {
  /** The JetStream API, for operations that have no method here. */
  readonly api: JetStreamApi;
  /** @internal Servers that share the connection: the application drains them together with its own handlers. */
  readonly servers = new Set<AttachedServer>();
  /** @internal The streams that the application declares, with their codecs. */
  readonly declarations: DeclaredStreams;
  private readonly streams: Streams;
  private readonly consumers: Consumers;
  private readonly publisher: Publisher;

  /** @internal Created by the module. */
  constructor(
    /** The connection: its server, its limits and its events. */
    readonly connection: JetStreamConnection,
    /** @internal */
    readonly requests: Requests,
    /** @internal */
    readonly options: JetStreamServiceOptions,
    { boot, declarations = new DeclaredStreams(options.codec) }: StartingService = {},
  ) {
    this.api = new JetStreamApi(connection, requests, boot);
    this.streams = new Streams(this.api);
    this.consumers = new Consumers(this.api);
    this.declarations = declarations;
    this.publisher = new Publisher(connection, requests, declarations, options.publish);
  }

  /**
   * @internal The same service on the same connection, whose requests belong to a startup until it is complete. The
   * requests of this service are not affected, because a running application may be using it.
   */
  starting(boot: Boot): JetStreamService {
    const { connection, requests, options, declarations } = this;
    return new JetStreamService(connection, requests, options, { boot, declarations });
  }

  /**
   * Returns the JetStream usage and limits of the account.
   *
   * @throws {@link JetStreamNotEnabledError}, {@link JetStreamNotEnabledForAccountError}
   */
  accountInfo(options: CallOptions = {}): Promise<AccountInfo> {
    return accountInfo(this.api, options);
  }

  /**
   * Creates a stream. If it already exists with the same configuration, the existing stream is returned.
   *
   * @throws {@link StreamExistsError} if it exists with a different configuration
   * @throws {@link InvalidStreamNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  createStream(config: StreamConfig, options: CallOptions = {}): Promise<Stream> {
    return this.streams.put('CREATE', config, options);
  }

  /**
   * Changes the configuration of a stream: omitted options are reset to their defaults, so start from
   * `stream.cachedInfo.config` to change a few. If the server does not allow a change, the error is a
   * {@link JetStreamApiError}.
   *
   * @throws {@link StreamNotFoundError} if it does not exist
   * @throws {@link InvalidStreamNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  updateStream(config: StreamConfig, options: CallOptions = {}): Promise<Stream> {
    return this.streams.put('UPDATE', config, options);
  }

  /**
   * Updates a stream as {@link updateStream} does, or creates it if it does not exist.
   *
   * @throws the errors of {@link createStream} and {@link updateStream}
   */
  createOrUpdateStream(config: StreamConfig, options: CallOptions = {}): Promise<Stream> {
    return this.streams.createOrUpdate(config, options);
  }

  /**
   * Returns an existing stream.
   *
   * @throws {@link StreamNotFoundError}
   * @throws {@link InvalidStreamNameError}
   */
  stream(name: string, options: CallOptions = {}): Promise<Stream> {
    return this.streams.get(name, options);
  }

  /**
   * Deletes a stream with its messages and consumers.
   *
   * @throws {@link StreamNotFoundError}
   * @throws {@link InvalidStreamNameError}
   */
  deleteStream(name: string, options: CallOptions = {}): Promise<void> {
    return this.streams.delete(name, options);
  }

  /**
   * Lists all streams of the account, or those that match a subject; requested in pages.
   *
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError} when the iteration starts
   */
  listStreams(options: StreamListOptions = {}): AsyncIterable<StreamInfo> {
    return this.streams.list(options);
  }

  /**
   * Lists the names of all streams of the account, or of those that match a subject; requested in pages.
   *
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError} when the iteration starts
   */
  streamNames(options: StreamListOptions = {}): AsyncIterable<string> {
    return this.streams.names(options);
  }

  /**
   * Returns the name of the stream that listens on a subject.
   *
   * @throws {@link StreamNotFoundError} if there is none
   */
  streamNameBySubject(subject: string, options: CallOptions = {}): Promise<string> {
    return this.streams.nameBySubject(subject, options);
  }

  /**
   * Creates a pull consumer. Without `durable` and `name`, the server removes it after `inactiveThreshold`. If it
   * already exists with the same configuration, the existing consumer is returned.
   *
   * @throws {@link ConsumerExistsError} if it exists with a different configuration
   * @throws {@link StreamNotFoundError}, {@link MaxConsumersExceededError}
   * @throws {@link InvalidConsumerNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  createConsumer(stream: string, config: ConsumerConfig, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.putPull(stream, config, 'create', options);
  }

  /**
   * Changes the configuration of a pull consumer. If the server does not allow a change, the error is a
   * {@link JetStreamApiError}.
   *
   * @throws {@link ConsumerNotFoundError}
   * @throws {@link StreamNotFoundError}, {@link NotAPullConsumerError}, and those of the configuration, as {@link
   * createConsumer}
   */
  updateConsumer(stream: string, config: ConsumerConfig, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.putPull(stream, config, 'update', options);
  }

  /**
   * Creates a pull consumer, or updates it if it exists.
   *
   * @throws the errors of {@link createConsumer} and {@link updateConsumer}
   */
  createOrUpdateConsumer(
    stream: string,
    config: ConsumerConfig,
    options: CallOptions = {},
  ): Promise<Consumer> {
    return this.consumers.putPull(stream, config, '', options);
  }

  /**
   * Returns an existing pull consumer.
   *
   * @throws {@link ConsumerNotFoundError}, {@link NotAPullConsumerError}
   */
  consumer(stream: string, name: string, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.pull(stream, name, options);
  }

  /**
   * Creates a push consumer; otherwise the same as {@link createConsumer}.
   *
   * @throws the errors of {@link createConsumer}
   */
  createPushConsumer(
    stream: string,
    config: PushConsumerConfig,
    options: CallOptions = {},
  ): Promise<PushConsumer> {
    return this.consumers.putPush(stream, config, 'create', options);
  }

  /**
   * Changes the configuration of a push consumer; otherwise the same as {@link updateConsumer}.
   *
   * @throws the errors of {@link updateConsumer}
   */
  updatePushConsumer(
    stream: string,
    config: PushConsumerConfig,
    options: CallOptions = {},
  ): Promise<PushConsumer> {
    return this.consumers.putPush(stream, config, 'update', options);
  }

  /**
   * Creates a push consumer, or updates it if it exists.
   *
   * @throws the errors of {@link createPushConsumer} and {@link updatePushConsumer}
   */
  createOrUpdatePushConsumer(
    stream: string,
    config: PushConsumerConfig,
    options: CallOptions = {},
  ): Promise<PushConsumer> {
    return this.consumers.putPush(stream, config, '', options);
  }

  /**
   * Returns an existing push consumer.
   *
   * @throws {@link ConsumerNotFoundError}, {@link NotAPushConsumerError}
   */
  pushConsumer(stream: string, name: string, options: CallOptions = {}): Promise<PushConsumer> {
    return this.consumers.push(stream, name, options);
  }

  /**
   * Creates a consumer that reads a stream in order, without gaps, repeats or acknowledgements. It replaces the
   * consumers that it uses on the server when they are lost (ADR-17).
   *
   * @throws {@link StreamNotFoundError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  orderedConsumer(
    stream: string,
    config: OrderedConsumerConfig = {},
    options: CallOptions = {},
  ): Promise<OrderedConsumer> {
    return OrderedConsumer.create(this.api, stream, config, options);
  }

  /**
   * Deletes a pull or push consumer. Its clients end with {@link ConsumerDeletedError}.
   *
   * @throws {@link ConsumerNotFoundError}
   */
  deleteConsumer(stream: string, name: string, options: CallOptions = {}): Promise<void> {
    return this.consumers.delete(stream, name, options);
  }

  /**
   * Pauses the delivery of a consumer until a time. nats-server 2.11.
   *
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  pauseConsumer(
    stream: string,
    name: string,
    until: Date,
    options: CallOptions = {},
  ): Promise<ConsumerPause> {
    return this.consumers.pause(stream, name, until, options);
  }

  /**
   * Resumes the delivery of a paused consumer. nats-server 2.11.
   *
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  resumeConsumer(stream: string, name: string, options: CallOptions = {}): Promise<ConsumerPause> {
    return this.consumers.resume(stream, name, options);
  }

  /**
   * Unpins the pinned client of a priority group, so that another client is pinned (ADR-42). nats-server 2.11.
   *
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  unpinConsumer(stream: string, name: string, group: string, options: CallOptions = {}): Promise<void> {
    return this.consumers.unpin(stream, name, group, options);
  }

  /**
   * Resets a consumer to a sequence, or to its acknowledgement floor if no sequence is given (ADR-60). Messages in
   * flight are delivered again. nats-server 2.14.
   *
   * @throws {@link InvalidConsumerResetError} if the consumer's `deliverPolicy` does not allow that sequence
   * @throws {@link ConsumerNotFoundError}, {@link StreamNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  resetConsumer(stream: string, name: string, options: ConsumerResetOptions = {}): Promise<ConsumerReset> {
    return this.consumers.reset(stream, name, options);
  }

  /**
   * Lists all consumers of a stream, of both kinds; requested in pages.
   *
   * @throws {@link StreamNotFoundError}, {@link InvalidStreamNameError} when the iteration starts
   */
  listConsumers(stream: string, options: CallOptions = {}): AsyncIterable<ConsumerInfo> {
    return this.consumers.list(stream, options);
  }

  /**
   * Lists the names of all consumers of a stream; requested in pages.
   *
   * @throws {@link StreamNotFoundError}, {@link InvalidStreamNameError} when the iteration starts
   */
  consumerNames(stream: string, options: CallOptions = {}): AsyncIterable<string> {
    return this.consumers.names(stream, options);
  }

  /**
   * Publishes one message and resolves when a stream has stored it.
   *
   * @param subject without wildcards; one stream must listen on it
   * @param data bytes are sent without copying: do not change them until the acknowledgement; a string is sent as
   * UTF-8, any other value is encoded by the codec
   * @throws {@link NoStreamResponseError} if no stream answered, after `retry.attempts` more attempts
   * @throws {@link PublishTimeoutError} if the acknowledgement did not arrive in time
   * @throws {@link PublishRefusedError} or a subclass if the stream refused the message
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError}, {@link PayloadTooLargeError},
   * {@link UnsupportedServerFeatureError} before anything is sent
   */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PubAck> {
    return this.publisher.publish(subject, data, options);
  }

  /**
   * The same as {@link publish}, with subject, data and options of the message in one object.
   *
   * @throws the errors of {@link publish}
   */
  publishMessage(message: OutgoingMessage, options?: PublishOptions): Promise<PubAck> {
    return this.publisher.publishMessage(message, options);
  }

  /**
   * Publishes one message without waiting, and returns its pending acknowledgement.
   *
   * At most `publish.maxPending` messages are unacknowledged at any time. While this limit is reached, further messages
   * wait in a queue of the same length, each up to `publish.stallWait`. After that time, or if the queue is full, their
   * acks reject with {@link TooManyStalledPublishesError}. A producer that awaits {@link publishAsyncReady} before each
   * message never reaches this limit.
   *
   * A failure rejects `ack`, if the caller uses it, and is passed to `publish.onError`; without either it is logged.
   *
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError}, {@link PayloadTooLargeError},
   * {@link UnsupportedServerFeatureError} before anything is sent; `ack` rejects with all other errors of
   * {@link publish}
   */
  publishAsync(subject: string, data?: unknown, options?: PublishOptions): PubAckFuture {
    return this.publisher.publishAsync(subject, data, options);
  }

  /**
   * The same as {@link publishAsync}, with subject, data and options of the message in one object.
   *
   * @throws the errors of {@link publishAsync}
   */
  publishMessageAsync(message: OutgoingMessage, options?: PublishOptions): PubAckFuture {
    return this.publisher.publishMessageAsync(message, options);
  }

  /** @internal The same as {@link publishMessageAsync}, on a connection with `connect: 'lazy'`, which is opened first. */
  publishWhenOpen(message: OutgoingMessage, options?: PublishOptions): PubAckFuture {
    return this.publisher.publishWhenOpen(message, options);
  }

  /** The state of the connection, its server and its reconnects, without asking the server. */
  get status(): ConnectionStatus {
    return this.connection.status;
  }

  /**
   * Measures the round trip to the server.
   *
   * @param options `timeout`: default the connection's `jetstream.timeout`
   * @returns the time in milliseconds
   * @throws {@link RequestTimeoutError} if the server did not answer in time, or there is no link
   * @throws {@link ConnectionClosedError}, {@link InvalidArgumentError}; the reason of `signal` when it is aborted
   */
  async rtt(options: CallOptions = {}): Promise<number> {
    const { timeout, signal } = waitOf(options);
    throwIfAborted(signal);
    return untilAborted(signal, this.connection.rtt(timeout));
  }

  /**
   * @internal Sends a message over core NATS to the current subscribers. It is discarded if there is no link.
   *
   * @throws the errors that {@link publish} throws before anything is sent; {@link ConnectionClosedError}
   */
  sendToSubscribers(message: OutgoingMessage, options: Pick<PublishOptions, 'codec' | 'headers'>): void {
    this.publisher.sendToSubscribers(message, options);
  }

  /**
   * @internal Publishes a message of this library: without the module's default headers, and unseen by instruments.
   */
  publishUnchanged(subject: string, data: unknown, options: PublishOptions): Promise<PubAck> {
    return this.publisher.publishUnchanged(subject, data, options);
  }

  /** The number of unacknowledged messages of {@link publishAsync}: never more than `publish.maxPending`. */
  get publishAsyncPending(): number {
    return this.publisher.publishAsyncPending;
  }

  /** Resolves when there is room for another {@link publishAsync}. It never rejects. */
  publishAsyncReady(): Promise<void> {
    return this.publisher.publishAsyncReady();
  }

  /** Resolves when all messages of {@link publishAsync} are acknowledged or have failed. It never rejects. */
  publishAsyncComplete(): Promise<void> {
    return this.publisher.publishAsyncComplete();
  }

  /**
   * Publishes an atomic batch: the stream stores all of its messages or none, consecutively (ADR-50). The stream must
   * have `allowAtomicPublish`. A batch has at most 1,000 messages, unless the server is configured otherwise, and all
   * must belong to the same stream. nats-server 2.12.
   *
   * Expectations are checked against the stream as it was before the batch; `expect.lastSequence` is allowed only for
   * the first message, and `expect.lastMessageId` for none. Message ids need nats-server 2.12.1.
   *
   * @returns the acknowledgement of the last message, with `batchId` and `batchSize`
   * @throws {@link AtomicBatchRefusedError} if the batch is incomplete, too large, or contains an id that is already
   * stored
   * @throws {@link WrongLastSequenceError}, {@link StreamFeatureDisabledError} or another {@link PublishRefusedError}
   * @throws {@link PublishTimeoutError} if the stream did not answer in time: all messages are stored, or none
   */
  publishBatch(messages: readonly BatchMessage[], options?: DeliveryOptions): Promise<PubAck> {
    return this.publisher.publishBatch(messages, options);
  }

  /**
   * Publishes many messages: the fastest way into a stream, for a source of any length (ADR-50). The stream must have
   * `allowBatchPublish`, and all messages must belong to the same stream. nats-server 2.14.
   *
   * The messages are stored in the order of the source, and individually: consumers receive them while the ingest is
   * running.
   *
   * @throws {@link IngestInterruptedError} if it stopped before the end of the source; it contains the number of stored
   * messages
   * @throws {@link StreamFeatureDisabledError}, {@link NoStreamResponseError} before anything is stored
   */
  ingest(source: IngestSource, options?: IngestOptions): Promise<IngestResult> {
    return this.publisher.ingest(source, options);
  }

  /**
   * Adds to a counter and resolves with its new value (ADR-49). The stream must have `allowMessageCounter`.
   * nats-server 2.12.
   *
   * @param by a whole number, a negative one subtracts; use a `bigint` beyond 2^53
   * @throws {@link StreamFeatureDisabledError}, and the errors of {@link publish}
   */
  increment(subject: string, by: number | bigint = 1, options?: IncrementOptions): Promise<bigint> {
    return this.publisher.increment(subject, by, options);
  }

  /**
   * Reads a counter (ADR-49). nats-server 2.12.
   *
   * @returns `undefined` if it was never incremented
   * @throws {@link StreamNotFoundError} if no stream listens on the subject
   * @throws {@link InvalidSubjectError}, {@link UnsupportedServerFeatureError}
   */
  counter(subject: string, options: CallOptions = {}): Promise<Counter | undefined> {
    return this.publisher.counter(subject, options);
  }

  /**
   * Ends {@link publishAsync}: no new messages are accepted, and unacknowledged messages are completed. Messages that
   * still wait then fail with {@link ConnectionClosedError}. It never rejects.
   *
   * @param timeout how long to wait for acknowledgements, in milliseconds
   */
  closePublishing(timeout: number): Promise<void> {
    return this.publisher.drain(timeout);
  }
}
