import type { JetStreamConnection } from '../../connection/index.js';
import type { Requests } from '../../requests/index.js';
import { within } from '../../timing/index.js';
import { type CallOptions, JetStreamApi } from '../api/index.js';
import type { StreamCodecs } from '../stream-codecs.js';
import { AtomicBatches } from './atomic-batch.js';
import { type Counter, counterValue, incrementHeaders, readCounter } from './counters.js';
import type { IngestOptions, IngestResult } from './ingest-options.js';
import { Ingest, type IngestSource } from './ingest.js';
import { LossReport } from './loss-report.js';
import { MessageEncoder } from './message-encoder.js';
import { PendingPubAck, type PubAckFuture } from './pub-ack-future.js';
import { type PubAck, PubAckReader } from './pub-ack.js';
import { type Delivery, Publication, type PublicationContext } from './publication.js';
import {
  checkDeliveryOptions,
  checkIncrementOptions,
  checkIngestOptions,
  checkMessage,
  checkPublishOptions,
} from './known-options.js';
import { checkDefaults, checkRetry, checkTimeout } from './publish-checks.js';
import type {
  BatchMessage,
  DeliveryOptions,
  IncrementOptions,
  OutgoingMessage,
  PublishDefaults,
  PublishOptions,
} from './publish-options.js';
import { PublishWindow } from './publish-window.js';
import { RetryPauses } from './retry-pauses.js';

const NONE: PublishOptions = {};

/**
 * Publishes to streams and waits for their acknowledgements.
 *
 * Messages published while the connection is down are kept and sent after the reconnect, within their timeout. Messages
 * in flight when the connection is lost may or may not have been stored: if the message has an id (`messageId`, or
 * `idempotent: true`), it is sent again and stored once; otherwise it fails at its timeout.
 */
export class Publisher {
  private readonly encoder: MessageEncoder;
  private readonly idempotent: boolean;
  private readonly context: PublicationContext;
  private readonly delivery: Delivery;
  private readonly window: PublishWindow;
  private readonly pauses: RetryPauses;
  private readonly batches: AtomicBatches;
  private readonly api: JetStreamApi;

  constructor(
    private readonly connection: JetStreamConnection,
    requests: Requests,
    codecs: StreamCodecs,
    defaults: PublishDefaults = {},
  ) {
    checkDefaults(defaults, requests.maxPending);
    this.encoder = new MessageEncoder(connection, codecs);
    this.idempotent = defaults.idempotent ?? false;
    this.pauses = new RetryPauses(connection);
    this.context = { requests, acks: new PubAckReader(), ids: this.encoder.ids, pauses: this.pauses };
    this.delivery = {
      timeout: defaults.timeout ?? connection.timeout,
      retryAttempts: defaults.retry?.attempts ?? 2,
      retryWait: defaults.retry?.wait ?? 250,
      signal: undefined,
    };
    this.batches = new AtomicBatches(connection, requests, this.encoder, this.pauses);
    this.api = new JetStreamApi(connection, requests);
    this.window = new PublishWindow({
      connection: connection.name,
      maxPending: defaults.maxPending ?? 4_000,
      stallWait: defaults.stallWait ?? 200,
      onError: defaults.onError,
      onAck: defaults.onAck,
      losses: new LossReport(
        'Publisher',
        'messages of publishAsync failed, their acks are not awaited, and publish.onError is not set',
      ),
    });
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
  publish(subject: string, data?: unknown, options: PublishOptions = NONE): Promise<PubAck> {
    return this.send({ subject, data }, options);
  }

  /** The same as {@link publish}, with subject, data and options of the message in one object. */
  publishMessage(message: OutgoingMessage, options: PublishOptions = NONE): Promise<PubAck> {
    return new Promise((resolve) => {
      checkMessage(message);
      resolve(this.send(message, options));
    });
  }

  private send(message: OutgoingMessage, options: PublishOptions): Promise<PubAck> {
    return new Promise((resolve, reject) => {
      checkPublishOptions(options);
      const encoded = this.encoder.encode(message, options, options.idempotent ?? this.idempotent);
      const publication = new Publication(this.context, encoded, this.deliveryOf(options), (error, ack) =>
        error ? reject(error) : resolve(ack),
      );
      publication.send();
    });
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
   * @example
   * ```ts
   * for (const record of records) {
   *   await publisher.publishAsyncReady();
   *   publisher.publishAsync('records', record);
   * }
   * await publisher.publishAsyncComplete();
   * ```
   */
  publishAsync(subject: string, data?: unknown, options: PublishOptions = NONE): PubAckFuture {
    return this.sendAsync({ subject, data }, options);
  }

  /** The same as {@link publishAsync}, with subject, data and options of the message in one object. */
  publishMessageAsync(message: OutgoingMessage, options: PublishOptions = NONE): PubAckFuture {
    checkMessage(message);
    return this.sendAsync(message, options);
  }

  private sendAsync(message: OutgoingMessage, options: PublishOptions): PubAckFuture {
    checkPublishOptions(options);
    const encoded = this.encoder.encode(message, options, options.idempotent ?? this.idempotent);
    const future = new PendingPubAck(message);
    const publication = new Publication(this.context, encoded, this.deliveryOf(options), (error, ack) =>
      this.window.settle(future, error ?? ack),
    );
    this.window.enter(future, publication);
    return future;
  }

  /** The number of unacknowledged messages of {@link publishAsync}: never more than `publish.maxPending`. */
  get publishAsyncPending(): number {
    return this.window.pending;
  }

  /** Resolves when there is room for another {@link publishAsync}: at once, or after the next acknowledgements. */
  publishAsyncReady(): Promise<void> {
    return this.window.ready();
  }

  /** Resolves when all messages of {@link publishAsync} are acknowledged or have failed. */
  publishAsyncComplete(): Promise<void> {
    return this.window.complete();
  }

  /**
   * Publishes an atomic batch: the stream stores all of its messages or none, consecutively (nats-server 2.12, ADR-50).
   * The stream must have `allowAtomicPublish`. A batch has at most 1,000 messages, unless the server is configured
   * otherwise, and all must belong to the same stream.
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
  async publishBatch(messages: readonly BatchMessage[], options: DeliveryOptions = NONE): Promise<PubAck> {
    checkDeliveryOptions(options);
    return this.batches.publish(messages, this.deliveryOf(options));
  }

  /**
   * Publishes many messages: the fastest way into a stream, for a source of any length (nats-server 2.14, ADR-50). The
   * stream must have `allowBatchPublish`, and all messages must belong to the same stream.
   *
   * The messages are stored in the order of the source, and individually: consumers receive them while the ingest is
   * running.
   *
   * The `timeout` limits each wait for the server, not the whole ingest.
   *
   * @throws {@link IngestInterruptedError} if it stopped before the end of the source; it contains the number of stored
   * messages. If the signal was aborted, its cause is the reason
   * @throws {@link StreamFeatureDisabledError}, {@link NoStreamResponseError} before anything is stored
   */
  async ingest(source: IngestSource, options: IngestOptions = {}): Promise<IngestResult> {
    checkIngestOptions(options);
    return new Ingest(this.connection, this.encoder, this.deliveryOf(options), options).run(source);
  }

  /**
   * Adds to a counter and resolves with its new value (nats-server 2.12, ADR-49). The stream must have
   * `allowMessageCounter`.
   *
   * @param by a whole number, a negative one subtracts; use a `bigint` beyond 2^53
   * @throws {@link StreamFeatureDisabledError}, and the errors of {@link publish}
   */
  async increment(
    subject: string,
    by: number | bigint = 1,
    options: IncrementOptions = NONE,
  ): Promise<bigint> {
    this.connection.require('A counter', '2.12.0');
    checkIncrementOptions(options);
    const ack = await this.send({ subject, headers: incrementHeaders(by) }, options);
    // A duplicate increments nothing, and its acknowledgement has no value.
    if (ack.duplicate) {
      const { timeout, signal } = options;
      return (await this.counter(subject, { timeout, signal }))?.value ?? 0n;
    }
    return counterValue(ack, subject);
  }

  /**
   * Reads a counter (nats-server 2.12, ADR-49).
   *
   * @returns `undefined` if it was never incremented
   * @throws {@link StreamNotFoundError} if no stream listens on the subject
   */
  async counter(subject: string, options: CallOptions = {}): Promise<Counter | undefined> {
    return readCounter(this.connection, this.api, subject, options);
  }

  /**
   * Ends {@link publishAsync}: no new messages are accepted; unacknowledged and waiting messages are completed.
   * Messages that are still waiting after the timeout fail with {@link ConnectionClosedError}.
   *
   * @param timeout how long to wait for acknowledgements, in milliseconds
   */
  async drain(timeout: number): Promise<void> {
    this.window.stop();
    await within(timeout, this.window.complete());
    this.close();
  }

  /** Like {@link drain}, without waiting. */
  close(): void {
    this.window.close();
    this.pauses.close();
  }

  private deliveryOf({ timeout, retry, signal }: DeliveryOptions): Delivery {
    if (timeout === undefined && retry === undefined && signal === undefined) return this.delivery;
    checkTimeout('timeout', timeout);
    checkRetry('retry', retry);
    return {
      timeout: timeout ?? this.delivery.timeout,
      retryAttempts: retry?.attempts ?? this.delivery.retryAttempts,
      retryWait: retry?.wait ?? this.delivery.retryWait,
      signal,
    };
  }
}
