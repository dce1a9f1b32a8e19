import type { JetStreamMessage } from '../message/index.js';
import {
  checkConsumeOptions,
  checkMessagesOptions,
  LoopConsumption,
  MessageBatch,
  Messages,
  PullLoop,
  requestLimits,
  requireOpen,
  toFetchRequest,
  toNoWaitRequest,
  toPullLoopOptions,
  VerifiedLoop,
  type Consumption,
  type FetchOptions,
  type ConsumeCallback,
  type MessagesOptions,
  type OpenLoop,
  PinId,
  type PriorityOptions,
  type PullOptions,
} from '../receiving/index.js';
import { requirePull } from './consumer-api.js';
import type { StoredPullConsumerConfig } from './consumer-config.js';
import { ConsumerHandle } from './consumer-handle.js';
import type { ConsumerInfo } from './consumer-info.js';

/**
 * A pull consumer: it delivers what is asked for.
 *
 * `consume` and `messages` ask ahead and are for reading on and on; `fetch` and its kin make one request each.
 */
export class Consumer extends ConsumerHandle<StoredPullConsumerConfig> {
  private readonly pin = new PinId();
  /** What the consumer allows in one request: learned by the requests, since it may change while the handle is in use. */
  private limits = requestLimits(this.cachedInfo.config);

  /**
   * Hands messages to a handler, one at a time and in order, pulled ahead of their use. It recovers from missed heartbeats, a
   * new leader, a reconnect or refused requests, and reports them to `onError`.
   *
   * What the handler throws, or its promise rejects with, is reported to `onError` too. Its message is left as it is, and
   * comes again after `ackWait` unless the handler has settled it.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}, {@link ConnectionClosedError}
   */
  consume(handler: ConsumeCallback, options: PullOptions = {}): Consumption {
    checkConsumeOptions(options);
    return new LoopConsumption(handler, options, () => this.names, this.opener(options));
  }

  /**
   * The messages as an async iterable, pulled ahead of their use.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}, {@link ConnectionClosedError}
   */
  messages(options: MessagesOptions = {}): Messages {
    checkMessagesOptions(options);
    return new Messages(this.names, options, this.opener(options));
  }

  /**
   * Asks for up to so many messages, and waits `maxWait` for them.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
   */
  fetch(messages: number, options: FetchOptions = {}): MessageBatch {
    const request = toFetchRequest({ messages }, options, this.cachedInfo.config, this.api.connection);
    return new MessageBatch(this.api, request, this.pin, this.limits, this.names);
  }

  /**
   * Asks for messages of so many bytes in all, as the server counts them (subject, reply, headers and payload), and
   * waits `maxWait` for them. Where not even one message fits, the batch's `error` is a {@link MaxBytesExceededError}.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
   */
  fetchBytes(bytes: number, options: FetchOptions = {}): MessageBatch {
    const request = toFetchRequest({ bytes }, options, this.cachedInfo.config, this.api.connection);
    return new MessageBatch(this.api, request, this.pin, this.limits, this.names);
  }

  /**
   * Asks for up to so many messages that are there already.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
   */
  fetchNoWait(messages: number, options: PriorityOptions = {}): MessageBatch {
    const request = toNoWaitRequest(messages, options, this.cachedInfo.config, this.api.connection);
    return new MessageBatch(this.api, request, this.pin, this.limits, this.names);
  }

  /**
   * Asks for one message; resolves with `undefined` where none came within `maxWait`.
   *
   * @throws {@link NoHeartbeatError}, {@link ConsumerDeletedError}, {@link PullRequestRejectedError}
   */
  async next(options: FetchOptions = {}): Promise<JetStreamMessage | undefined> {
    return this.fetch(1, options).first();
  }

  protected override ofThisKind(info: ConsumerInfo): ConsumerInfo<StoredPullConsumerConfig> {
    const known = requirePull(info);
    this.limits = requestLimits(known.config);
    return known;
  }

  private opener(options: PullOptions): OpenLoop {
    const { connection, requests } = this.api;
    const loopOptions = toPullLoopOptions(options, this.cachedInfo.config, connection);
    requireOpen(connection);
    const { stream, consumer } = this.names;
    const open: OpenLoop = (owner) =>
      new PullLoop(connection, requests, stream, consumer, loopOptions, owner);
    return (owner) => new VerifiedLoop(open, owner, this.names, () => this.info());
  }
}
