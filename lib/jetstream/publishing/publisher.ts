import type { JetStreamConnection } from '../../connection/index.js';
import { OperationObserver, type RunningOperation } from '../../instruments/index.js';
import type { Requests } from '../../requests/index.js';
import { within } from '../../timing/index.js';
import { reasonError, rejectionOf } from '../../user-code/index.js';
import { type CallOptions, JetStreamApi } from '../api/index.js';
import type { DeclaredStreams } from '../declared-streams.js';
import { AtomicBatches } from './atomic-batch.js';
import { type Counter, counterValue, incrementHeaders, readCounter } from './counters.js';
import type { IngestOptions, IngestResult } from './ingest-options.js';
import { Ingest, type IngestSource } from './ingest.js';
import { LossReport } from './loss-report.js';
import { MessageEncoder, sizeOf } from './message-encoder.js';
import { endOperation, PendingPubAck, type PubAckFuture } from './pub-ack-future.js';
import { type PubAck, PubAckReader } from './pub-ack.js';
import {
  type Delivery,
  Publication,
  type PublicationContext,
  type PublicationHandler,
} from './publication.js';
import {
  checkCoreOptions,
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
  MessageOptions,
  OutgoingMessage,
  PublishDefaults,
  PublishOptions,
} from './publish-options.js';
import { PublishWindow } from './publish-window.js';
import { RetryPauses } from './retry-pauses.js';

const NONE: PublishOptions = {};
/** The target of operations with several messages. */
const SEVERAL = '';

/**
 * Publishes to streams and waits for their acknowledgements.
 *
 * Messages published while the connection is down are kept and sent after the reconnect, within their timeout. Messages
 * in flight when the connection is lost may or may not have been stored: if the message has an id (`messageId`, or
 * `idempotent: true`), it is sent again and stored once; otherwise it fails at its timeout.
 */
export class Publisher {
  private readonly encoder: MessageEncoder;
  /** Without the default headers. */
  private readonly plainEncoder: MessageEncoder;
  private readonly idempotent: boolean;
  private readonly context: PublicationContext;
  private readonly delivery: Delivery;
  private readonly window: PublishWindow;
  private readonly pauses: RetryPauses;
  private readonly batches: AtomicBatches;
  private readonly api: JetStreamApi;
  private readonly publishing: OperationObserver;
  private readonly batching: OperationObserver;
  private readonly ingesting: OperationObserver;

  constructor(
    private readonly connection: JetStreamConnection,
    requests: Requests,
    private readonly streams: DeclaredStreams,
    defaults: PublishDefaults = {},
  ) {
    checkDefaults(defaults, requests.maxPending);
    this.encoder = new MessageEncoder(connection, streams, defaults.headers);
    this.plainEncoder = new MessageEncoder(connection, streams);
    const { instruments, name } = connection;
    this.publishing = new OperationObserver(instruments, { kind: 'publish', connection: name });
    this.batching = new OperationObserver(instruments, { kind: 'publish-batch', connection: name });
    this.ingesting = new OperationObserver(instruments, { kind: 'ingest', connection: name });
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

  /** See `JetStreamService.publish`. */
  publish(subject: string, data?: unknown, options: PublishOptions = NONE): Promise<PubAck> {
    return this.send({ subject, data }, options);
  }

  /** See `JetStreamService.publishUnchanged`. */
  publishUnchanged(subject: string, data: unknown, options: PublishOptions): Promise<PubAck> {
    return new Promise((resolve, reject) => {
      checkPublishOptions(options);
      const encoded = this.plainEncoder.encode({ subject, data }, options, false);
      const publication = new Publication(this.context, encoded, this.deliveryOf(options), (error, ack) =>
        error ? reject(rejectionOf(error)) : resolve(ack),
      );
      publication.send();
    });
  }

  /** See `JetStreamService.sendToSubscribers`. */
  sendToSubscribers(message: OutgoingMessage, options: MessageOptions): void {
    checkMessage(message);
    checkCoreOptions(options);
    const operation = this.begin(message);
    try {
      const { subject, data, headers } = this.encoder.encode(message, options, false, operation);
      this.connection.wire.publish(subject, data, undefined, headers);
      operation?.end({ size: sizeOf(data) });
    } catch (error) {
      operation?.fail(error);
      throw error;
    }
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
      const operation = this.begin(message);
      const onSettled: PublicationHandler = (error, ack) => {
        if (operation !== undefined) endOperation(operation, error ?? ack);
        if (error) reject(rejectionOf(error));
        else resolve(ack);
      };
      this.publication(message, options, operation, onSettled).send();
    });
  }

  private begin({ subject }: OutgoingMessage): RunningOperation | undefined {
    if (!this.publishing.isActive) return undefined;
    // Callers without types may give anything; it is refused when the message is encoded.
    if (typeof subject !== 'string') return this.publishing.begin({ target: '' });
    return this.publishing.begin({ target: subject, pattern: this.streams.patternOf(subject) });
  }

  private publication(
    message: OutgoingMessage,
    options: PublishOptions,
    operation: RunningOperation | undefined,
    onSettled: PublicationHandler,
  ): Publication {
    try {
      checkPublishOptions(options);
      const encoded = this.encoder.encode(message, options, options.idempotent ?? this.idempotent, operation);
      if (operation !== undefined) operation.size = sizeOf(encoded.data);
      return new Publication(this.context, encoded, this.deliveryOf(options), onSettled);
    } catch (error) {
      operation?.fail(error);
      throw error;
    }
  }

  /** See `JetStreamService.publishAsync`. */
  publishAsync(subject: string, data?: unknown, options: PublishOptions = NONE): PubAckFuture {
    return this.sendAsync({ subject, data }, options);
  }

  /** The same as {@link publishAsync}, with subject, data and options of the message in one object. */
  publishMessageAsync(message: OutgoingMessage, options: PublishOptions = NONE): PubAckFuture {
    checkMessage(message);
    return this.sendAsync(message, options);
  }

  private sendAsync(message: OutgoingMessage, options: PublishOptions): PubAckFuture {
    const operation = this.begin(message);
    const future = new PendingPubAck(message, operation);
    const publication = this.publication(message, options, operation, (error, ack) =>
      this.window.settle(future, error ?? ack),
    );
    this.window.enter(future, publication);
    return future;
  }

  /**
   * The same as {@link publishMessageAsync}, on a connection that is opened first. The message is in the window meanwhile,
   * and what needs the server is checked before it is sent.
   */
  publishWhenOpen(message: OutgoingMessage, options: PublishOptions = NONE): PubAckFuture {
    checkMessage(message);
    checkPublishOptions(options);
    const delivery = this.deliveryOf(options);
    const operation = this.begin(message);
    const future = new PendingPubAck(message, operation);
    const send = async (): Promise<void> => {
      try {
        await this.connection.opened(delivery);
        const publication = this.publication(message, options, operation, (error, ack) =>
          this.window.settle(future, error ?? ack),
        );
        publication.send();
      } catch (error) {
        this.window.settle(future, reasonError(error));
      }
    };
    this.window.enter(future, { send: () => void send() });
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

  /** See `JetStreamService.publishBatch`. */
  async publishBatch(messages: readonly BatchMessage[], options: DeliveryOptions = NONE): Promise<PubAck> {
    checkDeliveryOptions(options);
    const delivery = this.deliveryOf(options);
    const operation = this.batching.begin({ target: SEVERAL });
    if (operation === undefined) return this.batches.publish(messages, delivery);
    try {
      const ack = await this.batches.publish(messages, delivery, operation);
      const { stream, sequence } = ack;
      operation.end({ count: messages.length, stream, sequence });
      return ack;
    } catch (error) {
      operation.fail(error);
      throw error;
    }
  }

  /** See `JetStreamService.ingest`. */
  async ingest(source: IngestSource, options: IngestOptions = {}): Promise<IngestResult> {
    checkIngestOptions(options);
    const delivery = this.deliveryOf(options);
    const operation = this.ingesting.begin({ target: SEVERAL });
    try {
      const ingest = new Ingest(this.connection, this.encoder, delivery, options, operation);
      const result = await ingest.run(source);
      operation?.end({ count: result.count, stream: result.ack?.stream, sequence: result.ack?.sequence });
      return result;
    } catch (error) {
      operation?.fail(error);
      throw error;
    }
  }

  /** See `JetStreamService.increment`. */
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

  /** See `JetStreamService.counter`. */
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
