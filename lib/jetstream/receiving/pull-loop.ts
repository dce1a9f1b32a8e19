import type { Msg, Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  NoHeartbeatError,
  toPullError,
} from '../../errors/index.js';
import { createInboxOf, type Requests } from '../../requests/index.js';
import { Backoff, Timer, toNanosAtMost, within } from '../../timing/index.js';
import { JetStreamMessage } from '../message/index.js';
import { DeliveredSubjects } from './delivered-subjects.js';
import { endOfDrain } from './end-of-drain.js';
import { PinId } from './pin-id.js';
import { pullStatus, type PullStatus } from './pull-status.js';
import type { LoopOwner } from './receive-loop.js';
import { learnLimit, type PullLimits, requestLimits, type RequestLimits } from './request-limits.js';
import { SilenceMonitor } from './silence-monitor.js';

/** How a {@link PullLoop} pulls. Every duration in milliseconds, every size in bytes. */
export interface PullLoopOptions {
  /** The maximum number of messages that are requested or held at any time. */
  readonly maxMessages: number;
  /** Pulls again when fewer messages than this are requested or held. */
  readonly thresholdMessages: number;
  /** The maximum number of bytes that are requested or held; 0: no limit. */
  readonly maxBytes: number;
  /** Pulls again when fewer bytes than this are requested or held. */
  readonly thresholdBytes: number;
  /** `maxBytes` limits only each pull request; `maxMessages` is the overall limit. */
  readonly limitBytesPerPull: boolean;
  /** How long the server keeps a pull request open. */
  readonly expiry: number;
  /** How often the server sends a heartbeat for an open request; two missed ones are reported. 0: never. */
  readonly heartbeat: number;
  readonly group?: string | undefined;
  readonly minPending?: number | undefined;
  readonly minAckPending?: number | undefined;
  readonly priority?: number | undefined;
  /**
   * Whether a drain waits until no request is open, up to `expiry`, and delivers their messages. If the subscription
   * ended while the server delivers to it, nats-server would take the messages back without counting the delivery, but
   * sometimes counts it: a message with only one delivery would then be lost.
   */
  readonly drainsRequests?: boolean | undefined;
  /** The known limits of the consumer for one request. They are updated by refusals of the server. */
  readonly limits?: PullLimits | undefined;
}

/** The backoff after a refused request, in milliseconds. */
const RETRY = { first: 500, longest: 15_000, resetAfter: 5_000 };
/** A longer expiry has no effect, because an expired request is repeated. */
const LONGEST_EXPIRY = 86_400_000;
/** How late the server's notice of an expired request may arrive, in milliseconds. */
const EXPIRY_MARGIN = 500;
const PULL = 'a pull request';

/**
 * Receives the messages of a pull consumer continuously over one subscription. It requests more whenever fewer messages
 * than the threshold are requested or held, and requests again after silence, a new leader or a reconnect (ADR-37).
 *
 * It is based on two counters: `requested` messages have not arrived yet, and `held` messages have arrived and were not
 * released. Their sum never exceeds `maxMessages`, so that a slow owner slows down the pulling.
 */
export class PullLoop {
  private readonly inbox: string;
  private readonly nextSubject: string;
  private readonly subscription: Subscription;
  private readonly forget: () => void;
  private window: number;
  private threshold: number;
  private generation = 0;
  private requested = 0;
  private requestedBytes = 0;
  private held = 0;
  private heldBytes = 0;
  /**
   * Whether the server had no message small enough for the remaining bytes; pulling then waits until bytes are
   * released.
   */
  private bytesUsedUp = false;
  private readonly limits: RequestLimits;
  private readonly delivered: DeliveredSubjects;
  private paused = false;
  private connected = true;
  private ended = false;
  private draining = false;
  private whenNothingIsOwed: (() => void) | undefined;
  private readonly monitor: SilenceMonitor | undefined;
  private readonly backoff = new Backoff(RETRY);
  private retry: Timer | undefined;
  private readonly pin = new PinId();

  constructor(
    private readonly connection: JetStreamConnection,
    private readonly requests: Requests,
    private readonly stream: string,
    private readonly consumer: string,
    private readonly options: PullLoopOptions,
    private readonly owner: LoopOwner,
  ) {
    const { nc, wire } = connection;
    this.window = options.maxMessages;
    this.threshold = options.thresholdMessages;
    this.limits = requestLimits(options.limits ?? {});
    this.delivered = new DeliveredSubjects({ stream, consumer });
    this.inbox = `${createInboxOf(nc)}.`;
    this.nextSubject = `${connection.apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    this.subscription = wire.subscribe(`${this.inbox}*`, {
      callback: (error, msg) => this.receive(error, msg),
    });
    this.forget = connection.listen({
      onDisconnect: () => this.disconnected(),
      onReconnect: () => this.reconnected(),
      onClose: (cause) => this.end(new ConnectionClosedError(connection.name, { cause })),
    });
    if (options.heartbeat > 0) {
      this.monitor = new SilenceMonitor(
        options.heartbeat,
        () => this.requested > 0 && this.connected,
        () => this.silent(),
      );
    }
    this.pullIfDue();
  }

  /** Releases messages that the owner no longer holds. `bytes` applies if `maxBytes` is set. */
  release(messages: number, bytes = 0): void {
    this.held -= messages;
    this.heldBytes -= bytes;
    if (messages > 0) this.bytesUsedUp = false;
    this.pullIfDue();
  }

  /** Requests no more messages; messages that were already requested still arrive. */
  pause(): void {
    this.paused = true;
  }

  /** Continues after {@link pause}. */
  resume(): void {
    this.paused = false;
    this.pullIfDue();
  }

  /** Ends at once: messages in flight are not delivered, and are delivered again after `ackWait`. */
  stop(): void {
    this.end(undefined);
  }

  /**
   * Requests no more messages, delivers those that the server has already sent, then ends; ends at once if there is no
   * link.
   */
  async drain(): Promise<void> {
    if (this.ended || this.draining) return;
    this.draining = true;
    if (this.options.drainsRequests === true) await this.endOfRequests();
    if (this.connected) await endOfDrain(this.subscription, this.connection);
    this.end(undefined);
  }

  private async endOfRequests(): Promise<void> {
    const ended = new Promise<void>((resolve) => (this.whenNothingIsOwed = resolve));
    this.checkOwed();
    await within(this.options.expiry + EXPIRY_MARGIN, ended);
  }

  private checkOwed(): void {
    if (this.requested === 0 || !this.connected || this.ended) this.whenNothingIsOwed?.();
  }

  /** Resets the counters: outstanding messages are forgotten and requested again. */
  restart(): void {
    this.generation++;
    this.requested = 0;
    this.requestedBytes = 0;
    this.bytesUsedUp = false;
    this.monitor?.heard();
    this.pullIfDue();
  }

  private receive(error: Error | null, msg: Msg): void {
    if (error) return this.end(error);
    if (this.ended) return;
    this.monitor?.heard();
    if (!this.delivered.isDelivered(msg)) {
      const status = pullStatus(msg, this.inbox);
      return status ? this.receiveStatus(status, msg.subject) : this.delivered.ignore(msg.subject, msg.reply);
    }
    if (this.requested > 0) this.requested--;
    this.backoff.succeeded();
    this.held++;
    if (this.options.maxBytes > 0) {
      const size = messageSize(msg);
      this.requestedBytes = Math.max(0, this.requestedBytes - size);
      this.heldBytes += size;
    }
    if (this.options.group !== undefined) this.pin.read(msg);
    this.owner.onMessage(new JetStreamMessage(msg, this.requests));
    if (this.draining) this.checkOwed();
  }

  private receiveStatus(status: PullStatus, subject: string): void {
    if (status.code === 100) return this.backoff.succeeded();
    // A status of a request that is no longer counted does not affect the current requests.
    if (subject !== this.inbox + this.generation) return;
    this.requested = Math.max(0, this.requested - status.messagesLeft);
    this.requestedBytes = Math.max(0, this.requestedBytes - status.bytesLeft);
    switch (status.code) {
      case 400:
        return this.end(this.rejected(status));
      case 404:
      case 408:
        this.backoff.succeeded();
        break;
      case 423:
        this.pin.forget();
        this.owner.onError(this.rejected(status));
        return this.restartSoon();
      case 503:
        this.owner.onError(this.rejected(status));
        return this.restartLater();
      default:
        return this.receiveConflict(status);
    }
    this.pullIfDue();
  }

  /** Status 409 has many meanings, which only the description distinguishes. */
  private receiveConflict(status: PullStatus): void {
    const words = status.description.toLowerCase();
    if (words.includes('consumer deleted'))
      return this.end(new ConsumerDeletedError(this.stream, this.consumer));
    if (words.includes('push based')) return this.end(this.rejected(status));
    if (words.includes('batch completed')) return this.pullIfDue();
    if (words.includes('message size exceeds maxbytes')) return this.receiveTooLarge(status);
    // The limits of the consumer were changed, so smaller requests are sent.
    if (learnLimit(this.limits, status.description)) return this.restart();
    this.owner.onError(this.rejected(status));
    if (words.includes('leadership change')) return this.restartSoon();
    // A limit of the consumer is exceeded, or the server is shutting down: an immediate request would be refused again.
    return this.restartLater();
  }

  /**
   * The next message did not fit into the rest of a request. This is an error only if nothing was delivered for a
   * request of full size; otherwise it is requested again once bytes are released.
   */
  private receiveTooLarge(status: PullStatus): void {
    const largest = Math.min(this.options.maxBytes, this.limits.bytes);
    if (status.bytesLeft >= largest) {
      this.owner.onError(this.rejected(status));
      return this.restartLater();
    }
    this.bytesUsedUp = this.held > 0 || this.requested > 0;
    this.pullIfDue();
  }

  private pullIfDue(): void {
    if (this.draining) return this.checkOwed();
    if (this.paused || this.ended || !this.connected || this.retry !== undefined) return;
    if (this.bytesUsedUp || this.owner.wants?.() === false) return;
    // Sends one request, or several if the consumer allows only small ones.
    while (this.pullOnce());
  }

  private pullOnce(): boolean {
    const { options, limits } = this;
    const messages = this.requested + this.held;
    const bytes = this.requestedBytes + this.heldBytes;
    const bytesCount = options.maxBytes > 0 && !options.limitBytesPerPull;
    if (messages >= this.threshold && !(bytesCount && bytes < options.thresholdBytes)) return false;
    this.adjustWindow();
    const batch = Math.min(this.window - messages, limits.batch);
    const maxBytes = Math.min(bytesCount ? options.maxBytes - bytes : options.maxBytes, limits.bytes);
    if (batch <= 0 || (options.maxBytes > 0 && maxBytes <= 0)) return false;
    if (this.requested === 0) this.monitor?.heard();
    this.requested += batch;
    this.requestedBytes += maxBytes;
    this.pull(batch, maxBytes);
    return limits.batch !== Infinity && messages + batch < this.threshold;
  }

  private adjustWindow(): void {
    const { options, owner, limits } = this;
    const slots = owner.slots ?? 0;
    if (!owner.window && limits.batch >= options.maxMessages) return;
    this.window = Math.min(
      options.maxMessages,
      owner.window?.() ?? Infinity,
      Math.max(slots, 2 * limits.batch),
    );
    // At least 1, so that with a window of 0 the next release requests again.
    this.threshold = Math.max(1, Math.ceil(this.window / 2), Math.min(this.window, slots));
  }

  private pull(batch: number, maxBytes: number): void {
    const { expiry, heartbeat, group, minPending, minAckPending, priority } = this.options;
    const expires = Math.min(expiry, this.limits.expires, LONGEST_EXPIRY);
    const request = {
      batch,
      expires: toNanosAtMost(expires),
      idle_heartbeat: heartbeat > 0 ? toNanosAtMost(Math.min(heartbeat, expires / 2)) : undefined,
      max_bytes: maxBytes > 0 ? maxBytes : undefined,
      group,
      min_pending: minPending,
      min_ack_pending: minAckPending,
      priority,
      id: this.pin.value,
    };
    const reply = this.inbox + this.generation;
    this.connection.post(this.nextSubject, JSON.stringify(request), { reply, purpose: PULL });
  }

  private silent(): void {
    this.owner.onError(new NoHeartbeatError(this.stream, this.consumer, this.options.heartbeat));
    this.restart();
  }

  /** Restarts immediately the first time, and later if that is refused too. */
  private restartSoon(): void {
    const wait = this.backoff.next();
    if (this.backoff.attempts === 1) this.restart();
    else this.restartAfter(wait);
  }

  private restartLater(): void {
    this.restartAfter(this.backoff.next());
  }

  private restartAfter(wait: number): void {
    if (this.ended) return;
    this.retry ??= new Timer(wait, () => {
      this.retry = undefined;
      this.restart();
    });
  }

  private disconnected(): void {
    this.connected = false;
    if (this.draining) this.checkOwed();
  }

  private reconnected(): void {
    this.connected = true;
    this.retry?.cancel();
    this.retry = undefined;
    this.restart();
  }

  private rejected({ code, description }: PullStatus): Error {
    return toPullError(this.stream, this.consumer, code, description);
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.checkOwed();
    this.monitor?.stop();
    this.retry?.cancel();
    this.forget();
    if (!this.subscription.isClosed()) this.subscription.unsubscribe();
    this.owner.onEnd(error);
  }
}

/** The size that the server counts for `max_bytes`: subject, reply, headers and payload. */
export function messageSize(msg: Msg): number {
  const { size } = msg as Msg & { readonly size?: () => number };
  return size ? size.call(msg) : msg.subject.length + (msg.reply?.length ?? 0) + msg.data.length;
}
