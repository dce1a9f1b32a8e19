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
  /** The most messages that are asked for or held at any time. */
  readonly maxMessages: number;
  /** Pulls again when fewer than this many are asked for or held. */
  readonly thresholdMessages: number;
  /** The most bytes that are asked for or held; 0: no bound. */
  readonly maxBytes: number;
  /** Pulls again when fewer than this many bytes are asked for or held. */
  readonly thresholdBytes: number;
  /** `maxBytes` bounds each pull request only, and `maxMessages` is the bound that counts. */
  readonly limitBytesPerPull: boolean;
  /** How long the server keeps a pull request open. */
  readonly expiry: number;
  /** How often the server says that an open request is alive; two missed ones are reported. 0: never. */
  readonly heartbeat: number;
  readonly group?: string | undefined;
  readonly minPending?: number | undefined;
  readonly minAckPending?: number | undefined;
  readonly priority?: number | undefined;
  /**
   * A drain waits until no request is open, up to `expiry`, and delivers what these still bring. If the subscription is
   * ended while the server delivers to it, nats-server takes messages back without a delivery, but at times counts one: a
   * message that has only one is then lost.
   */
  readonly drainsRequests?: boolean | undefined;
  /** What the consumer allows in one request, as far as it is known; what the server says later is learned. */
  readonly limits?: PullLimits | undefined;
}

/** After a refused request, in milliseconds. */
const RETRY = { first: 500, longest: 15_000, resetAfter: 5_000 };
/** A longer expiry changes nothing: an expired request is repeated. */
const LONGEST_EXPIRY = 86_400_000;
/** How much later than it should the server may say that a request has expired, in milliseconds. */
const EXPIRY_MARGIN = 500;
const PULL = 'a pull request';

/**
 * Keeps a pull consumer's messages coming over one subscription: asks for more whenever fewer than the threshold are
 * asked for or held, notices silence, new leaders and reconnects, and asks again (ADR-37).
 *
 * Two counters carry it. `requested` is what the server still owes; `held` is what arrived and was not released. A
 * slow owner thereby slows the pulling: their sum never passes `maxMessages`.
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
  /** Whether the server had no message small enough for the bytes that were left: waits until some are given back. */
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

  /** Gives the places of messages back: the owner is done with them. `bytes` counts where `maxBytes` is set. */
  release(messages: number, bytes = 0): void {
    this.held -= messages;
    this.heldBytes -= bytes;
    if (messages > 0) this.bytesUsedUp = false;
    this.pullIfDue();
  }

  /** Asks for no more; what was asked for still comes. */
  pause(): void {
    this.paused = true;
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    this.paused = false;
    this.pullIfDue();
  }

  /** Ends at once: what the server has on its way is not delivered and comes again after `ackWait`. */
  stop(): void {
    this.end(undefined);
  }

  /** Asks for no more, delivers what the server has sent until now, then ends; at once while there is no link. */
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

  /** A fresh start of the bookkeeping: whatever the server owed is forgotten, and asked for anew. */
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
    // A status of a request that is no longer counted says nothing about those that are.
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

  /** Status 409 covers many things that only its words tell apart. */
  private receiveConflict(status: PullStatus): void {
    const words = status.description.toLowerCase();
    if (words.includes('consumer deleted'))
      return this.end(new ConsumerDeletedError(this.stream, this.consumer));
    if (words.includes('push based')) return this.end(this.rejected(status));
    if (words.includes('batch completed')) return this.pullIfDue();
    if (words.includes('message size exceeds maxbytes')) return this.receiveTooLarge(status);
    // The limits of the consumer were changed: smaller requests are within them.
    if (learnLimit(this.limits, status.description)) return this.restart();
    this.owner.onError(this.rejected(status));
    if (words.includes('leadership change')) return this.restartSoon();
    // Over a limit of the consumer, or a server that shuts down: asking again at once would be refused again.
    return this.restartLater();
  }

  /**
   * The next message did not fit into what was left of a request. That is an error only if nothing was delivered for a
   * request of full size; otherwise it is asked for again once bytes were given back.
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
    // One request, or several if the consumer allows only small ones.
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
    // At least 1: with a window of 0, the next release asks again.
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

  /** At once the first time, later if that is refused too. */
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

/** The size that the server counts against `max_bytes`: subject, reply, headers and payload. */
export function messageSize(msg: Msg): number {
  const { size } = msg as Msg & { readonly size?: () => number };
  return size ? size.call(msg) : msg.subject.length + (msg.reply?.length ?? 0) + msg.data.length;
}
