import { OrderedConsumerInUseError } from '../../errors/index.js';
import { type CallOptions, type JetStreamApi, waitOf } from '../api/index.js';
import type { JetStreamMessage } from '../message/index.js';
import {
  checkConsumeOptions,
  checkMessagesOptions,
  LoopConsumption,
  MessageBatch,
  Messages,
  OrderedLoop,
  PinId,
  requestLimits,
  requireOpen,
  toFetchRequest,
  toNoWaitRequest,
  toPullLoopOptions,
  type Consumption,
  type FetchOptions,
  type FetchRequest,
  type ConsumeCallback,
  type OpenLoop,
  type PriorityOptions,
  type PullOptions,
  type ReceivingFrom,
} from '../receiving/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import type { ConsumerInfo } from './consumer-info.js';
import { NumberedConsumers, type OrderedConsumerConfig } from './ordered-source.js';

/** Ordered consumers have no priority groups. */
type NoPriority = { readonly [K in keyof PriorityOptions]?: undefined };

/** How an ordered consumer's messages are pulled. */
export type OrderedPullOptions = PullOptions & NoPriority;

/** How long one request of an ordered consumer may take. */
export type OrderedFetchOptions = FetchOptions & NoPriority;

/** A lost consumer is noticed only by its silence, so the heartbeat is shorter than for other consumers. */
const heartbeat = (expiry: number) => (expiry < 10_000 ? expiry / 2 : 5_000);

/**
 * Reads a stream in order, without gaps or repeats and without acknowledgements, through consumers that it creates and
 * replaces automatically. It survives their deletion, reconnects and server restarts (ADR-17).
 *
 * It runs one operation at a time: a single `consume` or `messages`, or one `fetch` after another.
 */
export class OrderedConsumer {
  /** Whether no message was read from the current consumer yet. */
  private fresh = true;
  private reading: 'nothing' | 'on and on' | MessageBatch = 'nothing';

  private constructor(
    private readonly api: JetStreamApi,
    private readonly source: NumberedConsumers,
  ) {}

  /** @internal Called by `JetStreamService` and `Stream`. */
  static async create(
    api: JetStreamApi,
    stream: string,
    config: OrderedConsumerConfig,
    options: CallOptions,
  ): Promise<OrderedConsumer> {
    const source = new NumberedConsumers(api, stream, config);
    await source.recreate(options);
    return new OrderedConsumer(api, source);
  }

  /** The name of the stream. */
  get stream(): string {
    return this.source.stream;
  }

  /** The last information about the current consumer, without another request. */
  get cachedInfo(): ConsumerInfo | undefined {
    return this.source.cachedInfo;
  }

  /**
   * Requests configuration and state of the current consumer, which may be replaced at any time.
   *
   * @throws {@link ConsumerNotFoundError} if it no longer exists and is not yet replaced
   */
  info(options: CallOptions = {}): Promise<ConsumerInfo> {
    return this.source.info(options);
  }

  /**
   * Passes messages to a handler, one at a time and in order; otherwise the same as {@link Consumer.consume}.
   *
   * @throws {@link OrderedConsumerInUseError}, {@link InvalidArgumentError}, {@link ConnectionClosedError}
   */
  consume(handler: ConsumeCallback, options: OrderedPullOptions = {}): Consumption {
    checkConsumeOptions(options);
    return new LoopConsumption(handler, options, () => this.source.names, this.opener(options));
  }

  /**
   * Returns the messages as an async iterable; otherwise the same as {@link Consumer.messages}. Missed heartbeats never
   * reject: the consumer is replaced.
   *
   * @throws {@link OrderedConsumerInUseError}, {@link InvalidArgumentError}, {@link ConnectionClosedError}
   */
  messages(options: OrderedPullOptions = {}): Messages {
    checkMessagesOptions(options);
    const open = this.opener(options);
    return new Messages(this.source.names, { ...options, errorOnMissingHeartbeat: false }, open);
  }

  /**
   * Requests up to the given number of messages; otherwise the same as {@link Consumer.fetch}. Each request after the
   * first creates a new consumer: to read many messages, use `consume` or `messages`.
   *
   * @throws {@link OrderedConsumerInUseError}, {@link InvalidArgumentError}
   */
  fetch(messages: number, options: OrderedFetchOptions = {}): MessageBatch {
    return this.request(toFetchRequest({ messages }, options, {}, this.api.connection));
  }

  /**
   * Requests messages up to a size in bytes; otherwise the same as {@link fetch} and {@link Consumer.fetchBytes}.
   *
   * @throws the errors of {@link fetch}
   */
  fetchBytes(bytes: number, options: OrderedFetchOptions = {}): MessageBatch {
    return this.request(toFetchRequest({ bytes }, options, {}, this.api.connection));
  }

  /**
   * Requests messages that are already available; otherwise the same as {@link fetch} and {@link Consumer.fetchNoWait}.
   *
   * @throws the errors of {@link fetch}
   */
  fetchNoWait(messages: number, options: CallOptions = {}): MessageBatch {
    return this.request(toNoWaitRequest(messages, waitOf(options), {}, this.api.connection));
  }

  /**
   * Requests one message; otherwise the same as {@link fetch} and {@link Consumer.next}.
   *
   * @throws the errors of {@link fetch} and {@link Consumer.next}
   */
  async next(options: OrderedFetchOptions = {}): Promise<JetStreamMessage | undefined> {
    return this.fetch(1, options).first();
  }

  private opener(options: OrderedPullOptions): OpenLoop {
    const { api, source } = this;
    if (this.reading !== 'nothing') throw new OrderedConsumerInUseError(this.stream, 'it was already used');
    const loopOptions = toPullLoopOptions(options, {}, api.connection, heartbeat);
    requireOpen(api.connection);
    return (owner) => {
      this.reading = 'on and on';
      return new OrderedLoop(api, source, loopOptions, owner, source.names.consumer);
    };
  }

  private request(request: FetchRequest): MessageBatch {
    const { reading } = this;
    if (reading === 'on and on') {
      throw new OrderedConsumerInUseError(this.stream, 'consume or messages was already called on it');
    }
    if (reading !== 'nothing' && !reading.done) {
      throw new OrderedConsumerInUseError(this.stream, 'its last fetch has not ended');
    }
    let consumerSequence = 0;
    const limits = requestLimits({});
    const ready = this.ready({ timeout: request.patience, signal: request.signal });
    this.reading = new MessageBatch(this.api, request, new PinId(), limits, ready, ({ metadata }) => {
      if (metadata.consumerSequence !== ++consumerSequence) return false;
      this.source.delivered(metadata.streamSequence);
      return true;
    });
    return this.reading;
  }

  private async ready(options: CallOptions): Promise<ReceivingFrom> {
    throwIfAborted(options.signal);
    if (!this.fresh) {
      this.source.abandon();
      await this.source.recreate(options);
    }
    this.fresh = false;
    return this.source.names;
  }
}
