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
  type FetchRequest,
  toFetchRequest,
  toNoWaitRequest,
  toPullLoopOptions,
  VerifiedLoop,
  type Consumption,
  type FetchNoWaitOptions,
  type FetchOptions,
  type ConsumeCallback,
  type MessagesOptions,
  type OpenLoop,
  PinId,
  type PullOptions,
} from '../receiving/index.js';
import { requirePull } from './consumer-api.js';
import type { StoredPullConsumerConfig } from './consumer-config.js';
import { ConsumerHandle } from './consumer-handle.js';
import type { ConsumerInfo } from './consumer-info.js';

/**
 * A pull consumer: it delivers messages on request.
 *
 * `consume` and `messages` pull ahead and are meant for continuous reading; `fetch`, `fetchBytes`, `fetchNoWait` and
 * `next` make one request each.
 */
export class Consumer extends ConsumerHandle<StoredPullConsumerConfig> {
  private readonly pin = new PinId();
  /**
   * The consumer's limits of one request. They are updated by refusals of the server, because the configuration may
   * change while the handle is in use.
   */
  private limits = requestLimits(this.cachedInfo.config);

  /**
   * Passes messages to a handler, one at a time and in order, and pulls ahead. It recovers from missed heartbeats, a
   * new leader, a reconnect or refused requests, and reports them to `onError`.
   *
   * If the handler throws or its promise rejects, the error is also reported to `onError`. The message is not settled,
   * and is delivered again after `ackWait` unless the handler has settled it.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}, {@link ConnectionClosedError}
   */
  consume(handler: ConsumeCallback, options: PullOptions = {}): Consumption {
    checkConsumeOptions(options);
    return new LoopConsumption(handler, options, () => this.names, this.opener(options));
  }

  /**
   * Returns the messages as an async iterable, and pulls ahead.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}, {@link ConnectionClosedError}
   */
  messages(options: MessagesOptions = {}): Messages {
    checkMessagesOptions(options);
    return new Messages(this.names, options, this.opener(options));
  }

  /**
   * Requests up to the given number of messages, and waits `maxWait` for them. If the server does not respond, the
   * batch's `error` is a {@link NoHeartbeatError} or, without `heartbeat`, a {@link RequestTimeoutError}.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
   */
  fetch(messages: number, options: FetchOptions = {}): MessageBatch {
    return this.batch(toFetchRequest({ messages }, options, this.cachedInfo.config, this.api.connection));
  }

  /**
   * Requests messages up to the given total size in bytes, as the server counts it (subject, reply, headers and
   * payload), and waits `maxWait` for them. If not even one message fits, the batch's `error` is a
   * {@link MaxBytesExceededError}.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
   */
  fetchBytes(bytes: number, options: FetchOptions = {}): MessageBatch {
    return this.batch(toFetchRequest({ bytes }, options, this.cachedInfo.config, this.api.connection));
  }

  /**
   * Requests up to the given number of messages that are already available; none while the consumer has
   * `maxAckPending` unacknowledged messages. If the server does not end the request
   * within `timeout`, by default the connection's `jetstream.timeout`, the batch's `error` is a
   * {@link RequestTimeoutError}.
   *
   * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
   */
  fetchNoWait(messages: number, options: FetchNoWaitOptions = {}): MessageBatch {
    return this.batch(toNoWaitRequest(messages, options, this.cachedInfo.config, this.api.connection));
  }

  /**
   * Requests one message; resolves with `undefined` if the server has none within `maxWait`.
   *
   * @throws {@link RequestTimeoutError}, {@link NoHeartbeatError} if the server does not respond
   * @throws the reason of `signal` when it is aborted
   * @throws {@link ConsumerDeletedError}, {@link PullRequestRefusedError}
   * @throws the errors of {@link fetch}
   */
  async next(options: FetchOptions = {}): Promise<JetStreamMessage | undefined> {
    return this.fetch(1, options).first();
  }

  protected override ofThisKind(info: ConsumerInfo): ConsumerInfo<StoredPullConsumerConfig> {
    const known = requirePull(info);
    this.limits = requestLimits(known.config);
    return known;
  }

  private batch(request: FetchRequest): MessageBatch {
    return new MessageBatch(this.api, request, this.pin, this.limits, this.names);
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
