import type { Msg, Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  NoHeartbeatError,
  toPullError,
} from '../../errors/index.js';
import { createInboxOf, type Requests } from '../../requests/index.js';
import { JetStreamMessage } from '../message/index.js';
import { pullStatus, type PullStatus } from './pull-status.js';

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
  readonly group?: string;
  readonly minPending?: number;
  readonly minAckPending?: number;
  readonly priority?: number;
}

/** What a {@link PullLoop} tells its owner. None of these may throw. */
export interface PullLoopOwner {
  /** A message. The owner gives its place back with {@link PullLoop.release} once it holds it no longer. */
  onMessage(message: JetStreamMessage): void;
  /** Something went wrong that the loop mends by itself: missed heartbeats, a new leader, a refused request. */
  onError(error: Error): void;
  /** The loop has ended, by `stop` or `drain` (no error) or because it cannot go on. Called once. */
  onEnd(error: Error | undefined): void;
  /**
   * A pull is due: how many messages may be asked for or held from now on, `maxMessages` at the most. The next pull
   * is due at half of that, or at `slots`. Without it: `maxMessages` and `thresholdMessages`.
   */
  window?(): number;
  /** How many messages the owner is at work on at once: where fewer are asked for or held, it has nothing to do. */
  readonly slots?: number;
}

const NO_RESPONDERS_RETRY = 500;

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
  /** Whether a message has come since the last pull: else the next one may be larger than `maxBytes`. */
  private progressed = false;
  private heldBytes = 0;
  private paused = false;
  private connected = true;
  private ended = false;
  private draining = false;
  private silentTicks = 0;
  private readonly monitor: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private pinId = '';

  constructor(
    private readonly connection: JetStreamConnection,
    private readonly requests: Requests,
    private readonly stream: string,
    private readonly consumer: string,
    private readonly options: PullLoopOptions,
    private readonly owner: PullLoopOwner,
  ) {
    const { nc, wire } = connection;
    this.window = options.maxMessages;
    this.threshold = options.thresholdMessages;
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
    if (options.heartbeat > 0) this.monitor = setInterval(() => this.checkSilence(), options.heartbeat);
    this.pullIfDue();
  }

  /** Gives the places of messages back: the owner is done with them. `bytes` counts where `maxBytes` is set. */
  release(messages: number, bytes = 0): void {
    this.held -= messages;
    this.heldBytes -= bytes;
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

  /** Asks for no more, delivers what the server has sent until now, then ends. */
  async drain(): Promise<void> {
    if (this.ended || this.draining) return;
    this.draining = true;
    // Unsubscribes and waits for a round trip, in which what was under way still arrives.
    await this.subscription.drain().catch(() => undefined);
    this.end(undefined);
  }

  /** A fresh start of the bookkeeping: whatever the server owed is forgotten, and asked for anew. */
  restart(): void {
    this.generation++;
    this.requested = 0;
    this.requestedBytes = 0;
    this.silentTicks = 0;
    this.pullIfDue();
  }

  private receive(error: Error | null, msg: Msg): void {
    if (error) return this.end(error);
    if (this.ended) return;
    this.silentTicks = 0;
    const status = pullStatus(msg, this.inbox);
    if (status) return this.receiveStatus(status, msg.subject);
    if (this.requested > 0) this.requested--;
    this.progressed = true;
    this.held++;
    if (this.options.maxBytes > 0) {
      const size = messageSize(msg);
      this.requestedBytes = Math.max(0, this.requestedBytes - size);
      this.heldBytes += size;
    }
    if (this.options.group !== undefined) this.pinId = msg.headers?.get('Nats-Pin-Id') || this.pinId;
    this.owner.onMessage(new JetStreamMessage(msg, this.requests));
  }

  private receiveStatus(status: PullStatus, subject: string): void {
    if (status.code === 100) return;
    // A status of a request that is no longer counted says nothing about those that are.
    if (subject !== this.inbox + this.generation) return;
    this.requested = Math.max(0, this.requested - status.messagesLeft);
    this.requestedBytes = Math.max(0, this.requestedBytes - status.bytesLeft);
    switch (status.code) {
      case 400:
        return this.end(this.rejected(status));
      case 404:
      case 408:
        break;
      case 423:
        this.pinId = '';
        this.owner.onError(this.rejected(status));
        return this.restart();
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
    if (words.includes('message size exceeds maxbytes') && (this.held > 0 || this.progressed)) {
      return this.pullIfDue();
    }
    this.owner.onError(this.rejected(status));
    if (words.includes('leadership change')) return this.restart();
    // Over a limit of the consumer, or a server that shuts down: asking again at once would be refused again.
    return this.restartLater();
  }

  private pullIfDue(): void {
    if (this.paused || this.ended || this.draining || !this.connected || this.retry !== undefined) return;
    const { options } = this;
    const messages = this.requested + this.held;
    const bytes = this.requestedBytes + this.heldBytes;
    const bytesCount = options.maxBytes > 0 && !options.limitBytesPerPull;
    if (messages >= this.threshold && !(bytesCount && bytes < options.thresholdBytes)) return;
    if (this.owner.window) {
      this.window = Math.min(options.maxMessages, this.owner.window());
      // At least 1: with a window of 0, the next release asks again.
      this.threshold = Math.max(1, Math.ceil(this.window / 2), Math.min(this.window, this.owner.slots ?? 0));
    }
    const batch = this.window - messages;
    const maxBytes = bytesCount ? options.maxBytes - bytes : options.maxBytes;
    if (batch <= 0 || (options.maxBytes > 0 && maxBytes <= 0)) return;
    this.requested += batch;
    this.requestedBytes += maxBytes;
    this.pull(batch, maxBytes);
  }

  private pull(batch: number, maxBytes: number): void {
    this.progressed = false;
    const { expiry, heartbeat, group, minPending, minAckPending, priority } = this.options;
    const request = {
      batch,
      expires: expiry * 1_000_000,
      idle_heartbeat: heartbeat > 0 ? heartbeat * 1_000_000 : undefined,
      max_bytes: maxBytes > 0 ? maxBytes : undefined,
      group,
      min_pending: minPending,
      min_ack_pending: minAckPending,
      priority,
      id: this.pinId || undefined,
    };
    const reply = this.inbox + this.generation;
    this.connection.wire.publish(this.nextSubject, JSON.stringify(request), reply);
  }

  private checkSilence(): void {
    if (this.requested === 0 || !this.connected) return;
    if (++this.silentTicks < 3) return;
    this.owner.onError(new NoHeartbeatError(this.stream, this.consumer, this.options.heartbeat));
    this.restart();
  }

  private restartLater(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.restart();
    }, NO_RESPONDERS_RETRY);
  }

  private disconnected(): void {
    this.connected = false;
  }

  private reconnected(): void {
    this.connected = true;
    this.restart();
  }

  private rejected({ code, description }: PullStatus): Error {
    return toPullError(this.stream, this.consumer, code, description);
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.monitor);
    clearTimeout(this.retry);
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
