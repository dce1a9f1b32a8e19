import type { Boot, JetStreamConnection } from '../connection/index.js';
import type { Requests } from '../requests/index.js';
import { accountInfo, type AccountInfo } from './account-info.js';
import { JetStreamApi } from './api/index.js';
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
import { StreamCodecs } from './stream-codecs.js';
import {
  Streams,
  type Stream,
  type StreamConfig,
  type StreamInfo,
  type StreamListOptions,
} from './streams/index.js';

/** A server of microservices on the connection of an application. */
export interface AttachedServer {
  /** Takes nothing new and lets handlers end, for up to so many milliseconds. It never rejects. */
  drain(timeout: number): Promise<void>;
}

/** What a service is made with that takes part in a startup of its own. */
export interface StartingService {
  readonly boot?: Boot | undefined;
  readonly codecs?: StreamCodecs | undefined;
}

/** Streams, consumers and publishing over one connection. */
export class JetStreamService {
  /** The JetStream API, for operations that have no method here. */
  readonly api: JetStreamApi;
  /** @internal Servers that share the connection: the application drains them together with its own handlers. */
  readonly servers = new Set<AttachedServer>();
  /** @internal Which codec the values of a stream have. */
  readonly codecs: StreamCodecs;
  private readonly streams: Streams;
  private readonly consumers: Consumers;
  private readonly publisher: Publisher;

  constructor(
    readonly connection: JetStreamConnection,
    readonly requests: Requests,
    readonly options: JetStreamServiceOptions,
    { boot, codecs = new StreamCodecs(options.codec) }: StartingService = {},
  ) {
    this.api = new JetStreamApi(connection, requests, boot);
    this.streams = new Streams(this.api);
    this.consumers = new Consumers(this.api);
    this.codecs = codecs;
    this.publisher = new Publisher(connection, requests, this.codecs, options.publish);
  }

  /**
   * @internal The same on the same connection, with requests that belong to a startup until that is over. Those of this
   * service stay as they are, since a running application may be making some.
   */
  starting(boot: Boot): JetStreamService {
    const { connection, requests, options, codecs } = this;
    return new JetStreamService(connection, requests, options, { boot, codecs });
  }

  /**
   * What the account uses of JetStream, and what it may use.
   *
   * @throws {@link JetStreamNotEnabledError}, {@link JetStreamNotEnabledForAccountError}
   */
  accountInfo(): Promise<AccountInfo> {
    return accountInfo(this.api);
  }

  /**
   * Creates a stream. One that exists with the same configuration is taken as it is.
   *
   * @throws {@link StreamNameInUseError} where it exists with another configuration
   * @throws {@link InvalidStreamNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  createStream(config: StreamConfig): Promise<Stream> {
    return this.streams.put('CREATE', config);
  }

  /**
   * Changes the configuration of a stream: options that are left out go back to their defaults, so start from
   * `stream.cachedInfo.config` to change a few. What the server does not let change is a {@link JetStreamApiError}.
   *
   * @throws {@link StreamNotFoundError} where it does not exist
   */
  updateStream(config: StreamConfig): Promise<Stream> {
    return this.streams.put('UPDATE', config);
  }

  /** Updates a stream as {@link updateStream} does, or creates it where it does not exist. */
  createOrUpdateStream(config: StreamConfig): Promise<Stream> {
    return this.streams.createOrUpdate(config);
  }

  /**
   * A stream that exists.
   *
   * @throws {@link StreamNotFoundError}
   */
  stream(name: string): Promise<Stream> {
    return this.streams.get(name);
  }

  /**
   * Deletes a stream with its messages and consumers.
   *
   * @throws {@link StreamNotFoundError}
   */
  deleteStream(name: string): Promise<void> {
    return this.streams.delete(name);
  }

  /** All streams of the account, or those of a subject; asked for in pages. */
  listStreams(options: StreamListOptions = {}): AsyncIterable<StreamInfo> {
    return this.streams.list(options);
  }

  /** The names of all streams of the account, or of those of a subject; asked for in pages. */
  streamNames(options: StreamListOptions = {}): AsyncIterable<string> {
    return this.streams.names(options);
  }

  /**
   * The name of the stream that listens on a subject.
   *
   * @throws {@link StreamNotFoundError} where none does
   */
  streamNameBySubject(subject: string): Promise<string> {
    return this.streams.nameBySubject(subject);
  }

  /**
   * Creates a pull consumer: durable, named, or with neither one that the server removes after `inactiveThreshold`.
   * One that exists with the same configuration is taken as it is.
   *
   * @throws {@link ConsumerExistsError} where it exists with another configuration
   * @throws {@link StreamNotFoundError}, {@link MaximumConsumersError}
   * @throws {@link InvalidConsumerNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  createConsumer(stream: string, config: ConsumerConfig): Promise<Consumer> {
    return this.consumers.putPull(stream, config, 'create');
  }

  /**
   * Changes the configuration of a pull consumer. What the server does not let change is a {@link JetStreamApiError}.
   *
   * @throws {@link ConsumerDoesNotExistError}
   */
  updateConsumer(stream: string, config: ConsumerConfig): Promise<Consumer> {
    return this.consumers.putPull(stream, config, 'update');
  }

  /** Creates a pull consumer, or updates it where it exists. */
  createOrUpdateConsumer(stream: string, config: ConsumerConfig): Promise<Consumer> {
    return this.consumers.putPull(stream, config, '');
  }

  /**
   * A pull consumer that exists.
   *
   * @throws {@link ConsumerNotFoundError}, {@link NotAPullConsumerError}
   */
  consumer(stream: string, name: string): Promise<Consumer> {
    return this.consumers.pull(stream, name);
  }

  /** Creates a push consumer; else as {@link createConsumer}. */
  createPushConsumer(stream: string, config: PushConsumerConfig): Promise<PushConsumer> {
    return this.consumers.putPush(stream, config, 'create');
  }

  /** Changes the configuration of a push consumer; else as {@link updateConsumer}. */
  updatePushConsumer(stream: string, config: PushConsumerConfig): Promise<PushConsumer> {
    return this.consumers.putPush(stream, config, 'update');
  }

  /** Creates a push consumer, or updates it where it exists. */
  createOrUpdatePushConsumer(stream: string, config: PushConsumerConfig): Promise<PushConsumer> {
    return this.consumers.putPush(stream, config, '');
  }

  /**
   * A push consumer that exists.
   *
   * @throws {@link ConsumerNotFoundError}, {@link NotAPushConsumerError}
   */
  pushConsumer(stream: string, name: string): Promise<PushConsumer> {
    return this.consumers.push(stream, name);
  }

  /**
   * A consumer that reads a stream in order, without gaps, repeats or acknowledgements, and survives whatever happens
   * to the consumers that it makes (ADR-17).
   *
   * @throws {@link StreamNotFoundError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
   * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
   */
  orderedConsumer(stream: string, config: OrderedConsumerConfig = {}): Promise<OrderedConsumer> {
    return OrderedConsumer.create(this.api, stream, config);
  }

  /**
   * Deletes a consumer of either kind. Its clients end with {@link ConsumerDeletedError}.
   *
   * @throws {@link ConsumerNotFoundError}
   */
  deleteConsumer(stream: string, name: string): Promise<void> {
    return this.consumers.delete(stream, name);
  }

  /**
   * Lets a consumer deliver nothing until a time. nats-server 2.11.
   *
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  pauseConsumer(stream: string, name: string, until: Date): Promise<ConsumerPause> {
    return this.consumers.pause(stream, name, until);
  }

  /**
   * Lets a paused consumer deliver again. nats-server 2.11.
   *
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  resumeConsumer(stream: string, name: string): Promise<ConsumerPause> {
    return this.consumers.resume(stream, name);
  }

  /**
   * Takes its place from the pinned client of a priority group, so that another gets it (ADR-42). nats-server 2.11.
   *
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  unpinConsumer(stream: string, name: string, group: string): Promise<void> {
    return this.consumers.unpin(stream, name, group);
  }

  /**
   * Sets a consumer back: without a sequence to its acknowledgement floor, else to that sequence (ADR-60). Messages in
   * flight come again. nats-server 2.14.
   *
   * @throws {@link InvalidConsumerResetError} where the consumer's `deliverPolicy` does not allow that sequence
   * @throws {@link ConsumerNotFoundError}, {@link UnsupportedServerFeatureError}
   */
  resetConsumer(stream: string, name: string, options: ConsumerResetOptions = {}): Promise<ConsumerReset> {
    return this.consumers.reset(stream, name, options);
  }

  /** All consumers of a stream, of both kinds; asked for in pages. */
  listConsumers(stream: string): AsyncIterable<ConsumerInfo> {
    return this.consumers.list(stream);
  }

  /** The names of all consumers of a stream; asked for in pages. */
  consumerNames(stream: string): AsyncIterable<string> {
    return this.consumers.names(stream);
  }

  /**
   * Publishes one message and resolves when a stream has stored it.
   *
   * @param subject without wildcards; one stream must listen on it
   * @param data bytes go uncopied: leave them until acknowledged; a string as UTF-8, any other through the codec
   * @throws {@link NoStreamResponseError} where no stream answered, after `retry.attempts` more attempts
   * @throws {@link PublishTimeoutError} where the acknowledgement did not come in time
   * @throws {@link PublishRefusedError} or a subclass where the stream refused the message
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError}, {@link PayloadTooLargeError},
   * {@link UnsupportedServerFeatureError} before anything is sent
   */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PubAck> {
    return this.publisher.publish(subject, data, options);
  }

  /** As {@link publish}, for a message in one piece. */
  publishMessage(message: OutgoingMessage, options?: PublishOptions): Promise<PubAck> {
    return this.publisher.publishMessage(message, options);
  }

  /**
   * Publishes one message without waiting, and returns its acknowledgement to come; see {@link Publisher.publishAsync}
   * for what becomes of messages that come faster than the server takes them.
   */
  publishAsync(subject: string, data?: unknown, options?: PublishOptions): PubAckFuture {
    return this.publisher.publishAsync(subject, data, options);
  }

  /** As {@link publishAsync}, for a message in one piece. */
  publishMessageAsync(message: OutgoingMessage, options?: PublishOptions): PubAckFuture {
    return this.publisher.publishMessageAsync(message, options);
  }

  /** How many messages of {@link publishAsync} are on their way: never more than `publish.maxPending`. */
  get publishAsyncPending(): number {
    return this.publisher.publishAsyncPending;
  }

  /** Resolves when there is room for another {@link publishAsync}. */
  publishAsyncReady(): Promise<void> {
    return this.publisher.publishAsyncReady();
  }

  /** Resolves when all messages of {@link publishAsync} are settled, acknowledged or failed. */
  publishAsyncComplete(): Promise<void> {
    return this.publisher.publishAsyncComplete();
  }

  /** Publishes messages of which the stream stores all or none; see {@link Publisher.publishBatch}. */
  publishBatch(messages: readonly BatchMessage[], options?: DeliveryOptions): Promise<PubAck> {
    return this.publisher.publishBatch(messages, options);
  }

  /** Loads messages in bulk, under the server's flow control; see {@link Publisher.ingest}. */
  ingest(source: IngestSource, options?: IngestOptions): Promise<IngestResult> {
    return this.publisher.ingest(source, options);
  }

  /** Adds to a counter and resolves with its new value; see {@link Publisher.increment}. */
  increment(subject: string, by: number | bigint = 1, options?: IncrementOptions): Promise<bigint> {
    return this.publisher.increment(subject, by, options);
  }

  /** Reads a counter; `undefined` where nothing was ever added to it. */
  counter(subject: string): Promise<Counter | undefined> {
    return this.publisher.counter(subject);
  }

  /**
   * Ends {@link publishAsync}: nothing more is taken, and what is on its way goes on.
   *
   * @param timeout how long to wait for acknowledgements, in milliseconds
   */
  drain(timeout: number): Promise<void> {
    return this.publisher.drain(timeout);
  }
}
