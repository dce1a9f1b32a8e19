import { Logger } from '@nestjs/common';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import {
  ConnectionClosedError,
  InboxPermissionError,
  IngestGapError,
  NoStreamResponseError,
  PublishTimeoutError,
} from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { createInboxOf } from '../../requests/index.js';
import { Interval, Timer } from '../../timing/index.js';
import { UserCalls } from '../../user-code/index.js';
import { parseIngestReply, type IngestReply } from './ingest-reply.js';
import type { IngestOptions } from './ingest-options.js';
import type { EncodedMessage } from './message-encoder.js';
import type { PubAck } from './pub-ack.js';
import type { Delivery } from './publication.js';

/** The operations of the protocol, as encoded in reply subjects (ADR-50). */
const Operation = { start: 0, append: 1, end: 3, ping: 4 } as const;

const EMPTY = new Uint8Array(0);

/** The interval of the channel's timer, in milliseconds. */
const TICK = 250;
/** How long to wait for the server before a ping, in milliseconds, because an acknowledgement may be lost. */
const PING_AFTER = 1_000;
/** The server ends an ingest when it receives nothing for 10 s. */
const KEEP_ALIVE_AFTER = 3_000;

/** What to do if the server does not answer. */
const ADVICE =
  'Give each message a messageId, to be able to ingest messages that may be stored again safely.';

/**
 * The channel of one ingest to the server: it numbers and sends messages, and tracks the server's replies.
 *
 * Its inbox has its own subscription, so that the server does not have to answer messages in flight after the ingest
 * has ended.
 */
export class IngestChannel {
  /** The number of sent messages. */
  sent = 0;
  /** The number of the last message up to which the server has processed all. */
  processed = 0;
  /** Why no more messages may be sent, although the server's final reply is still expected. */
  interruption: Error | undefined;
  /** Why there will be no final reply. */
  failure: Error | undefined;
  /** Called when {@link failure} is set. It must not throw. */
  onFailure: ((error: Error) => void) | undefined;

  private readonly calls = new UserCalls(new Logger('Publisher'));
  private readonly inbox: string;
  private readonly flow: number;
  private readonly outstanding: number;
  private readonly subscription: Subscription;
  private readonly stopListening: () => void;
  private readonly timer: Interval;
  private restart: Timer | undefined;
  /** The number of messages after which the server acknowledges; 0 until it has accepted the ingest. */
  private interval = 0;
  private starts = 0;
  private connected = true;
  private finishing = false;
  private end: PubAck | undefined;
  private waitingSince = Infinity;
  private heard = 0;
  private spoke = 0;
  private wake: (() => void) | undefined;

  constructor(
    private readonly connection: JetStreamConnection,
    readonly first: EncodedMessage,
    private readonly options: IngestOptions,
    private readonly delivery: Delivery,
  ) {
    this.flow = Math.min(options.ackInterval ?? 500, 65_535);
    this.outstanding = Math.min(options.maxOutstandingAcks ?? 2, 3);
    this.inbox = createInboxOf(connection.nc);
    this.subscription = connection.wire.subscribe(`${this.inbox}.>`, {
      callback: (cause, msg) => (cause ? this.forbid(cause) : this.receive(msg)),
    });
    this.stopListening = connection.listen({
      onDisconnect: () => (this.connected = false),
      onReconnect: () => this.reconnected(),
      onClose: (cause) => this.fail(new ConnectionClosedError(connection.name, { cause })),
    });
    this.timer = new Interval(TICK, () => this.lookAfter(performance.now()));
    this.sent = 1;
    this.start();
  }

  /** Whether the server has accepted the ingest. */
  get started(): boolean {
    return this.interval > 0;
  }

  /** Whether another message may be sent now. */
  get hasRoom(): boolean {
    return this.connected && this.sent - this.processed < this.interval * this.outstanding;
  }

  /** Sends the next message. */
  send(message: EncodedMessage): void {
    const reply = this.replySubject(++this.sent, Operation.append);
    this.attempt(() => this.publish(message, reply));
  }

  /** Waits until another message may be sent, or sending has ended. @throws {@link failure} */
  async room(): Promise<void> {
    await this.waitFor(() => (this.hasRoom || this.interruption ? true : undefined));
  }

  /** Ends the ingest and resolves with the server's final reply. @throws {@link failure} */
  finish(): Promise<PubAck> {
    const isTold = this.finishing;
    this.finishing = true;
    if (!isTold && !this.interruption) this.attempt(() => this.tell(Operation.end, this.sent + 1));
    return this.waitFor(() => this.end);
  }

  close(): void {
    this.timer.cancel();
    this.restart?.cancel();
    this.stopListening();
    this.subscription.unsubscribe();
  }

  private async waitFor<T>(look: () => T | undefined): Promise<T> {
    this.waitingSince = performance.now();
    for (;;) {
      const found = look();
      if (found === undefined && this.failure) throw this.failure;
      if (found !== undefined) {
        this.waitingSince = Infinity;
        return found;
      }
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private start(): void {
    this.starts++;
    this.attempt(() => this.publish(this.first, this.replySubject(1, Operation.start)));
  }

  /** Ends the ingest if the client refuses to send. */
  private attempt(send: () => void): void {
    try {
      send();
    } catch (cause) {
      this.fail(toError(cause));
    }
  }

  private publish({ subject, data, headers }: EncodedMessage, reply: string): void {
    this.connection.wire.publish(subject, data, reply, headers);
    this.spoke = performance.now();
  }

  private tell(operation: number, message: number): void {
    this.publish({ ...this.first, data: EMPTY, headers: undefined }, this.replySubject(message, operation));
  }

  private replySubject(message: number, operation: number): string {
    return `${this.inbox}.${this.flow}.${this.options.allowGaps ? 'ok' : 'fail'}.${message}.${operation}.$FI`;
  }

  /** Runs inside the parser of the link, which must not receive errors. */
  private receive(msg: Msg): void {
    this.heard = performance.now();
    try {
      this.take(parseIngestReply(msg, this.first.subject));
    } catch (error) {
      this.fail(toError(error));
    }
    this.wake?.();
  }

  private take(reply: IngestReply): void {
    const { allowGaps, onGap, onRefused } = this.options;
    switch (reply.kind) {
      case 'progress':
        this.interval = reply.interval;
        this.processed = Math.max(this.processed, reply.message);
        break;
      case 'gap':
        if (!allowGaps)
          this.interruption ??= new IngestGapError(this.first.subject, reply.gap.from, reply.gap.to);
        else if (onGap) this.calls.call('onGap of an ingest', () => onGap(reply.gap));
        break;
      case 'refused':
        if (!allowGaps) this.interruption ??= reply.error;
        else if (onRefused) {
          this.calls.call('onRefused of an ingest', () => onRefused(reply.error, reply.message));
        }
        break;
      case 'end':
        this.end = reply.ack;
        this.interruption ??= this.lostAfter(reply.ack);
        break;
      case 'no stream':
        if (this.interval > 0 || this.starts > this.delivery.retryAttempts) {
          this.fail(new NoStreamResponseError(this.first.subject, this.starts));
        } else {
          this.restart = new Timer(this.delivery.retryWait, () => this.start());
        }
    }
  }

  /** The server ends an ingest when messages are missing; its report of the gap may itself be lost. */
  private lostAfter({ batchSize = 0 }: PubAck): IngestGapError | undefined {
    if (this.finishing && batchSize === this.sent) return undefined;
    return new IngestGapError(this.first.subject, batchSize + 1, this.sent);
  }

  private forbid(cause: Error): void {
    this.fail(new InboxPermissionError(this.connection.name, `${this.inbox}.>`, { cause }));
  }

  private reconnected(): void {
    this.connected = true;
    this.ping();
    this.wake?.();
  }

  /** Makes the server report its progress and missing messages. */
  private ping(): void {
    if (this.interval > 0) this.attempt(() => this.tell(Operation.ping, this.sent));
  }

  private lookAfter(now: number): void {
    const quiet = now - Math.max(this.heard, this.waitingSince);
    const { timeout } = this.delivery;
    if (quiet > timeout) {
      this.fail(new PublishTimeoutError(this.first.subject, timeout, undefined, true, ADVICE));
    } else if (this.connected && (quiet > PING_AFTER || now - this.spoke > KEEP_ALIVE_AFTER)) {
      this.ping();
    }
    this.wake?.();
  }

  private fail(error: Error): void {
    if (this.failure === undefined) {
      this.failure = error;
      this.onFailure?.(error);
    }
    this.wake?.();
  }
}
