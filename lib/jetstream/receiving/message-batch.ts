import type { Msg, Subscription } from '@nats-io/transport-node';
import { toConnectionError } from '../../connection/index.js';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  MaxBytesExceededError,
  NoHeartbeatError,
  PinIdMismatchError,
  RequestTimeoutError,
  toPullError,
} from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { createInboxOf } from '../../requests/index.js';
import { Deadline, Timer } from '../../timing/index.js';
import { abortError, onAbort, reasonError, rejectionOf } from '../../user-code/index.js';
import type { JetStreamApi } from '../api/index.js';
import { JetStreamMessage } from '../message/index.js';
import { DeliveredSubjects } from './delivered-subjects.js';
import { wireRequest, type FetchRequest } from './fetch-options.js';
import type { PinId } from './pin-id.js';
import { messageSize } from './pull-loop.js';
import { pullStatus } from './pull-status.js';
import type { ReceivingFrom } from './receive-loop.js';
import { learnLimit, type RequestLimits } from './request-limits.js';
import { Ring } from './ring.js';
import { SilenceMonitor } from './silence-monitor.js';
import { isGone } from './verified-loop.js';

/** When the consumer is asked why the server has not ended a request that does not wait, in milliseconds. */
const LOOK_AFTER = 250;

/**
 * The messages of one request. The batch ends when all messages have arrived, when the server ends the request because
 * the wait is over or no more messages are available, or when an error occurs. The error is then in `error`, and
 * messages that arrived before can still be read.
 *
 * An empty batch without an error means that the server had no messages. If the server does not end the request, for
 * example because it does not respond, or the request was lost with the connection, the error is a
 * {@link NoHeartbeatError} if the request has a `heartbeat`, otherwise a {@link RequestTimeoutError}.
 *
 * @example
 * ```ts
 * const batch = consumer.fetch(100, { maxWait: 1_000 });
 * for await (const message of batch) message.ack();
 * if (batch.error) throw batch.error;
 * ```
 */
export class MessageBatch implements AsyncIterable<JetStreamMessage> {
  private cause: Error | undefined;
  private count = 0;
  private readonly ring = new Ring<JetStreamMessage>();
  private readonly waiters: ((result: IteratorResult<JetStreamMessage, undefined>) => void)[] = [];
  private subscription: Subscription | undefined;
  private timer: Timer | undefined;
  private look: Timer | undefined;
  private monitor: SilenceMonitor | undefined;
  private forget: () => void = () => {};
  private callOff: () => void = () => {};
  private ended = false;
  private readonly deadline: Deadline;
  /** When the server must have ended the request. */
  private readonly limit: Deadline;
  private delivered: DeliveredSubjects | undefined;
  /** The number of messages that the open request may still deliver. */
  private open = 0;
  /** Whether a limit of the consumer reduced the request, so that another one follows. */
  private partial = false;
  private bytes = 0;
  private inbox = '';

  /** @internal Created by consumers. */
  constructor(
    private readonly api: JetStreamApi,
    private readonly request: FetchRequest,
    private readonly pin: PinId,
    private readonly limits: RequestLimits,
    from: ReceivingFrom | Promise<ReceivingFrom>,
    /** Called for each message as it arrives; `false` ends the batch before this message. */
    private readonly accept: (message: JetStreamMessage) => boolean = () => true,
  ) {
    this.deadline = new Deadline(request.maxWait);
    this.limit = new Deadline(request.patience);
    this.follow(request.signal);
    if (from instanceof Promise) void this.startLater(from);
    else this.start(from);
  }

  /**
   * The error that ended the request; `undefined` if there was none. If the reason of an aborted signal is not an
   * `Error`, it is the `cause` of this one.
   */
  get error(): Error | undefined {
    return this.cause;
  }

  /** The number of received messages. */
  get received(): number {
    return this.count;
  }

  /** Whether the request is over: no more messages arrive, but received ones can still be read. */
  get done(): boolean {
    return this.ended;
  }

  [Symbol.asyncIterator](): AsyncIterator<JetStreamMessage, undefined> {
    let left = false;
    const leave = (): void => {
      left = true;
      this.end(undefined);
    };
    return {
      next: () => (left ? Promise.resolve({ done: true, value: undefined }) : this.next()),
      return: () => {
        leave();
        return Promise.resolve({ done: true, value: undefined });
      },
      throw: (error: unknown) => {
        leave();
        return Promise.reject(error);
      },
    };
  }

  /**
   * Takes the first message and ends the batch; `undefined` if none arrives.
   *
   * @throws the batch's `error`; the reason of an aborted signal unchanged
   */
  async first(): Promise<JetStreamMessage | undefined> {
    const { value } = await this.next();
    this.end(undefined);
    if (value === undefined && this.cause) throw rejectionOf(this.cause);
    return value;
  }

  private next(): Promise<IteratorResult<JetStreamMessage, undefined>> {
    const message = this.ring.shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private async startLater(from: Promise<ReceivingFrom>): Promise<void> {
    try {
      this.start(await from);
    } catch (thrown) {
      this.end(toError(thrown));
    }
  }

  private start(from: ReceivingFrom): void {
    if (this.ended) return;
    const { api, request } = this;
    const { nc, wire, name } = api.connection;
    this.delivered = new DeliveredSubjects(from);
    this.inbox = createInboxOf(nc);
    try {
      this.subscription = wire.subscribe(this.inbox, {
        callback: (error, msg) => this.receive(error, msg, from),
      });
    } catch (thrown) {
      return this.end(toError(thrown));
    }
    this.forget = api.connection.listen({
      onClose: (cause) => this.end(new ConnectionClosedError(name, { cause })),
    });
    // If the process was blocked, unread messages may be in the socket: they are read before `setImmediate` runs.
    this.timer = new Timer(this.limit.left, () => setImmediate(() => this.end(this.timedOut(from))));
    if (request.maxWait === 0)
      this.look = new Timer(Math.min(LOOK_AFTER, request.patience / 2), () => void this.endIfBlocked(from));
    if (request.heartbeat > 0) {
      const { stream, consumer } = from;
      this.monitor = new SilenceMonitor(
        request.heartbeat,
        () => true,
        () => this.end(new NoHeartbeatError(stream, consumer, request.heartbeat, 'end')),
      );
    }
    this.pull(from);
  }

  /**
   * The server answers a request that does not wait, except while the consumer has as many unacknowledged messages as
   * it may have: it then keeps the request until some are acknowledged. Never rejects.
   */
  private async endIfBlocked(from: ReceivingFrom): Promise<void> {
    try {
      const { config, num_ack_pending: pending } = await this.find(from);
      const { max_ack_pending: most = 0 } = config;
      if (most > 0 && pending >= most) this.end(undefined);
    } catch {
      // The batch ends when the server has not ended the request in time.
    }
  }

  /** "No responders" does not say whether the consumer was deleted or has no leader. Never rejects. */
  private async endWithoutResponder(from: ReceivingFrom, error: Error): Promise<void> {
    this.timer?.cancel();
    this.monitor?.stop();
    const isDeleted = await isGone(() => this.find(from));
    this.end(isDeleted ? new ConsumerDeletedError(from.stream, from.consumer) : error);
  }

  private find({ stream, consumer }: ReceivingFrom): Promise<AckState> {
    const { signal } = this.request;
    const timeout = Math.max(1, Math.ceil(this.limit.left));
    return this.api.call(`CONSUMER.INFO.${stream}.${consumer}`, undefined, {
      timeout,
      signal,
      stream,
      consumer,
    });
  }

  private timedOut(from: ReceivingFrom): RequestTimeoutError {
    const advice = 'Check that the server is running and reachable, then fetch again.';
    return new RequestTimeoutError(this.subjectOf(from), this.request.patience, true, undefined, advice);
  }

  private subjectOf({ stream, consumer }: ReceivingFrom): string {
    return `${this.api.connection.apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  }

  /** Requests the missing messages, or as many as the consumer allows in one request. */
  private pull(from: ReceivingFrom): void {
    const { request, limits, api } = this;
    const missing = { messages: request.messages - this.count, bytes: request.bytes - this.bytes };
    const { wire, isPartial } = wireRequest(request, missing, this.deadline.left, limits);
    this.open = wire.batch;
    this.partial = isPartial;
    api.connection.post(this.subjectOf(from), JSON.stringify({ ...wire, id: this.pin.value }), {
      reply: this.inbox,
      purpose: 'a pull request',
    });
  }

  private receive(error: Error | null, msg: Msg, from: ReceivingFrom): void {
    if (this.ended) return;
    if (error) return this.end(toConnectionError(error, this.api.connection, { subject: this.inbox }));
    const { request, delivered } = this;
    if (!delivered?.isDelivered(msg)) {
      const status = pullStatus(msg, this.inbox);
      if (!status) return delivered?.ignore(msg.subject, msg.reply);
      this.monitor?.heard();
      return this.receiveStatus(status.code, status.description, from);
    }
    this.monitor?.heard();
    if (request.wire.group !== undefined) this.pin.read(msg);
    const message = new JetStreamMessage(msg, this.api.requests);
    if (!this.accept(message)) return this.end(undefined);
    this.count++;
    this.open--;
    if (request.bytes > 0) this.bytes += messageSize(msg);
    const waiter = this.waiters.shift();
    if (waiter) waiter({ done: false, value: message });
    else this.ring.push(message);
    const isFull = request.bytes > 0 && this.bytes >= request.bytes;
    if (this.count === request.messages || isFull) this.end(undefined);
    else if (this.open === 0) this.pull(from);
  }

  private receiveStatus(code: number, description: string, from: ReceivingFrom): void {
    if (code === 100) return;
    if (code === 404) return this.end(undefined);
    if (code === 408) return this.endOrPull(from);
    if (learnLimit(this.limits, description)) return this.pull(from);
    const error = toPullError(from.stream, from.consumer, code, description, 'end');
    if (code === 503) return void this.endWithoutResponder(from, error);
    if (error instanceof PinIdMismatchError) this.pin.forget();
    const isTooLarge = error instanceof MaxBytesExceededError;
    if (isTooLarge && this.partial && this.count > 0) return this.endOrPull(from);
    const isComplete =
      (isTooLarge && this.count > 0) || description.toLowerCase().includes('batch completed');
    this.end(isComplete ? undefined : error);
  }

  /**
   * Called when the request is over. Another one follows if a limit of the consumer reduced it and there is time left.
   */
  private endOrPull(from: ReceivingFrom): void {
    if (this.partial && this.deadline.left >= 1) this.pull(from);
    else this.end(undefined);
  }

  /** Ends the batch before anything is requested if the signal is already aborted, or cannot be listened to. */
  private follow(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    try {
      this.callOff = onAbort(signal, (reason) => this.end(reasonError(reason)));
      const aborted = abortError(signal);
      if (aborted) this.end(aborted);
    } catch (error) {
      this.end(toError(error));
    }
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.cause = error;
    this.timer?.cancel();
    this.look?.cancel();
    this.monitor?.stop();
    this.callOff();
    this.forget();
    if (this.subscription && !this.subscription.isClosed()) this.subscription.unsubscribe();
    for (const waiter of this.waiters.splice(0)) waiter({ done: true, value: undefined });
  }
}

interface AckState {
  readonly config: { readonly max_ack_pending?: number };
  readonly num_ack_pending: number;
}
