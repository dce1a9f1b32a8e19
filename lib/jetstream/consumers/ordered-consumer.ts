import { OrderedConsumerInUseError } from '../../errors/index.js';
import type { JetStreamApi } from '../api/index.js';
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
import type { ConsumerInfo } from './consumer-info.js';
import { NumberedConsumers, type OrderedConsumerConfig } from './ordered-source.js';

/** There are no priority groups among ordered consumers. */
type NoPriority = { readonly [K in keyof PriorityOptions]?: undefined };

/** How an ordered consumer's messages are pulled. */
export type OrderedPullOptions = PullOptions & NoPriority;

/** How long one request of an ordered consumer may take. */
export type OrderedFetchOptions = FetchOptions & NoPriority;

/** A lost consumer shows by silence only, so that is noticed sooner than for other consumers. */
const heartbeat = (expiry: number) => (expiry < 10_000 ? expiry / 2 : 5_000);

/**
 * Reads a stream in order, without gaps or repeats and without acknowledgements, through consumers that it makes and
 * replaces by itself: it survives their deletion, reconnects and server restarts (ADR-17).
 *
 * It does one thing at a time: one `consume` or `messages` in its life, or one `fetch` after the other.
 */
export class OrderedConsumer {
  /** Whether nothing was read from the current consumer yet. */
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
  ): Promise<OrderedConsumer> {
    const source = new NumberedConsumers(api, stream, config);
    await source.recreate();
    return new OrderedConsumer(api, source);
  }

  /** The name of the stream. */
  get stream(): string {
    return this.source.stream;
  }

  /** What the server last said of the current consumer, without asking it again. */
  get cachedInfo(): ConsumerInfo | undefined {
    return this.source.cachedInfo;
  }

  /**
   * Asks the server for configuration and state of the current consumer, which may be replaced at any time.
   *
   * @throws {@link ConsumerNotFoundError} where it is gone and not yet replaced
   */
  info(): Promise<ConsumerInfo> {
    return this.source.info();
  }

  /**
   * Hands messages to a handler, one at a time and in order; else as {@link Consumer.consume}.
   *
   * @throws {@link OrderedConsumerInUseError}, {@link InvalidArgumentError}, {@link ConnectionClosedError}
   */
  consume(handler: ConsumeCallback, options: OrderedPullOptions = {}): Consumption {
    checkConsumeOptions(options);
    return new LoopConsumption(handler, options, () => this.source.names, this.opener(options));
  }

  /**
   * The messages as an async iterable; else as {@link Consumer.messages}. Missed heartbeats never reject: the consumer
   * is replaced.
   *
   * @throws {@link OrderedConsumerInUseError}, {@link InvalidArgumentError}, {@link ConnectionClosedError}
   */
  messages(options: OrderedPullOptions = {}): Messages {
    checkMessagesOptions(options);
    const open = this.opener(options);
    return new Messages(this.source.names, { ...options, errorOnMissingHeartbeat: false }, open);
  }

  /**
   * Asks for up to so many messages; else as {@link Consumer.fetch}. Each request after the first makes a consumer
   * anew: to read much, use `consume` or `messages`.
   *
   * @throws {@link OrderedConsumerInUseError}, {@link InvalidArgumentError}
   */
  fetch(messages: number, options: OrderedFetchOptions = {}): MessageBatch {
    return this.request(toFetchRequest({ messages }, options, {}, this.api.connection));
  }

  /** Asks for messages of so many bytes; else as {@link fetch} and {@link Consumer.fetchBytes}. */
  fetchBytes(bytes: number, options: OrderedFetchOptions = {}): MessageBatch {
    return this.request(toFetchRequest({ bytes }, options, {}, this.api.connection));
  }

  /** Asks for messages that are there already; else as {@link fetch} and {@link Consumer.fetchNoWait}. */
  fetchNoWait(messages: number): MessageBatch {
    return this.request(toNoWaitRequest(messages, {}, {}, this.api.connection));
  }

  /** Asks for one message; else as {@link fetch} and {@link Consumer.next}. */
  async next(options: OrderedFetchOptions = {}): Promise<JetStreamMessage | undefined> {
    return this.fetch(1, options).first();
  }

  private opener(options: OrderedPullOptions): OpenLoop {
    const { api, source } = this;
    if (this.reading !== 'nothing') throw new OrderedConsumerInUseError(this.stream, 'it was used already');
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
      throw new OrderedConsumerInUseError(this.stream, 'consume or messages was called on it');
    }
    if (reading !== 'nothing' && !reading.done) {
      throw new OrderedConsumerInUseError(this.stream, 'a fetch of it is not over');
    }
    let consumerSequence = 0;
    const limits = requestLimits({});
    this.reading = new MessageBatch(this.api, request, new PinId(), limits, this.ready(), ({ metadata }) => {
      if (metadata.consumerSequence !== ++consumerSequence) return false;
      this.source.delivered(metadata.streamSequence);
      return true;
    });
    return this.reading;
  }

  private async ready(): Promise<ReceivingFrom> {
    if (!this.fresh) {
      this.source.abandon();
      await this.source.recreate();
    }
    this.fresh = false;
    return this.source.names;
  }
}
