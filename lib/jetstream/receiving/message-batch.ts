import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  MaxBytesExceededError,
  NoHeartbeatError,
  PinIdMismatchError,
  toPullError,
} from '../../errors/index.js';
import { createInboxOf } from '../../requests/index.js';
import type { JetStreamApi } from '../api/index.js';
import { JetStreamMessage } from '../message/index.js';
import type { FetchRequest } from './fetch-options.js';
import { messageSize } from './pull-loop.js';
import { pullStatus } from './pull-status.js';
import type { ReceivingFrom } from './receive-loop.js';
import { toError } from './report.js';
import { Ring } from './ring.js';

/** The id of the pinned client (ADR-42), shared by the requests of one consumer handle. */
export interface PinId {
  value: string;
}

/** How long after its end a request's last word may take, in milliseconds, as in the Go client. */
const GRACE = 1_000;

/**
 * The messages that one request brings. It is over when all have come, when the wait is over, or when something went
 * wrong: then `error` tells what, and the messages that came before can be read all the same.
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
  private timer: NodeJS.Timeout | undefined;
  private monitor: NodeJS.Timeout | undefined;
  private forget: () => void = () => {};
  private silent = false;
  private ended = false;
  private bytes = 0;
  private inbox = '';

  /** @internal Made by consumers. */
  constructor(
    private readonly api: JetStreamApi,
    private readonly request: FetchRequest,
    private readonly pin: PinId,
    from: ReceivingFrom | Promise<ReceivingFrom>,
    /** Hears of each message as it comes; `false` ends the batch before it. */
    private readonly accept: (message: JetStreamMessage) => boolean = () => true,
  ) {
    request.signal?.addEventListener('abort', this.abort);
    if (request.signal?.aborted) this.abort();
    else if (from instanceof Promise) void this.startLater(from);
    else this.start(from);
  }

  /** What went wrong, once the request is over; `undefined` where nothing did. */
  get error(): Error | undefined {
    return this.cause;
  }

  /** How many messages have come. */
  get received(): number {
    return this.count;
  }

  /** Whether the request is over: nothing more comes, but what came can still be read. */
  get done(): boolean {
    return this.ended;
  }

  [Symbol.asyncIterator](): AsyncIterator<JetStreamMessage, undefined> {
    return {
      next: () => this.next(),
      return: () => {
        this.end(undefined);
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /**
   * Takes the first message and ends the batch; `undefined` where none comes.
   *
   * @throws the batch's `error`
   */
  async first(): Promise<JetStreamMessage | undefined> {
    const { value } = await this.next();
    this.end(undefined);
    if (value === undefined && this.cause) throw this.cause;
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
    const { nc, wire, apiPrefix, name } = api.connection;
    if (nc.isClosed()) return this.end(new ConnectionClosedError(name));
    this.inbox = createInboxOf(nc);
    this.subscription = wire.subscribe(this.inbox, {
      callback: (error, msg) => this.receive(error, msg, from),
    });
    this.forget = api.connection.listen({
      onClose: (cause) => this.end(new ConnectionClosedError(name, { cause })),
    });
    const lifetime = request.maxWait === 0 ? api.connection.timeout : request.maxWait + GRACE;
    this.timer = setTimeout(() => this.end(undefined), lifetime);
    if (request.heartbeat > 0)
      this.monitor = setInterval(() => this.checkSilence(from), 2 * request.heartbeat);
    wire.publish(
      `${apiPrefix}.CONSUMER.MSG.NEXT.${from.stream}.${from.consumer}`,
      JSON.stringify({ ...request.wire, id: this.pin.value || undefined }),
      this.inbox,
    );
  }

  private receive(error: Error | null, msg: Msg, from: ReceivingFrom): void {
    if (this.ended) return;
    if (error) return this.end(error);
    this.silent = false;
    const { request } = this;
    const status = pullStatus(msg, this.inbox);
    if (status) return this.receiveStatus(status.code, status.description, from);
    if (request.wire.group !== undefined) this.pin.value = msg.headers?.get('Nats-Pin-Id') || this.pin.value;
    const message = new JetStreamMessage(msg, this.api.requests);
    if (!this.accept(message)) return this.end(undefined);
    this.count++;
    const waiter = this.waiters.shift();
    if (waiter) waiter({ done: false, value: message });
    else this.ring.push(message);
    if (request.bytes > 0) this.bytes += messageSize(msg);
    const isFull = request.bytes > 0 && this.bytes >= request.bytes;
    if (this.count === request.messages || isFull) this.end(undefined);
  }

  private receiveStatus(code: number, description: string, from: ReceivingFrom): void {
    if (code === 100) return;
    // The wait is over, or there is nothing (more).
    if (code === 404 || code === 408) return this.end(undefined);
    const error = toPullError(from.stream, from.consumer, code, description);
    if (error instanceof PinIdMismatchError) this.pin.value = '';
    const isFull = error instanceof MaxBytesExceededError && this.count > 0;
    const isComplete = isFull || description.toLowerCase().includes('batch completed');
    this.end(isComplete ? undefined : error);
  }

  private checkSilence({ stream, consumer }: ReceivingFrom): void {
    if (this.silent) this.end(new NoHeartbeatError(stream, consumer, this.request.heartbeat));
    this.silent = true;
  }

  private readonly abort = () => this.end(toError(this.request.signal?.reason));

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.cause = error;
    clearTimeout(this.timer);
    clearInterval(this.monitor);
    this.request.signal?.removeEventListener('abort', this.abort);
    this.forget();
    if (this.subscription && !this.subscription.isClosed()) this.subscription.unsubscribe();
    for (const waiter of this.waiters.splice(0)) waiter({ done: true, value: undefined });
  }
}
