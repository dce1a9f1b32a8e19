import { Logger } from '@nestjs/common';
import { ConnectionClosedError, TooManyStalledPublishesError } from '../../errors/index.js';
import { Timer } from '../../timing/index.js';
import { UserCalls } from '../../user-code/index.js';
import type { LossReport } from './loss-report.js';
import type { PendingPubAck } from './pub-ack-future.js';
import type { PubAck } from './pub-ack.js';
import type { Publication } from './publication.js';
import type { OutgoingMessage } from './publish-options.js';

/** The options of a window. */
export interface PublishWindowOptions {
  /** The name of the connection. */
  readonly connection: string;
  readonly maxPending: number;
  readonly stallWait: number;
  readonly onError: ((error: Error, message: OutgoingMessage) => void) | undefined;
  readonly onAck: ((ack: PubAck, message: OutgoingMessage) => void) | undefined;
  /** Receives failures that no caller receives. */
  readonly losses: LossReport;
}

/** A message that is sent when there is room. */
type Sendable = Pick<Publication, 'send'>;

interface Waiting {
  readonly future: PendingPubAck;
  readonly publication: Sendable;
  readonly deadline: number;
}

/**
 * Limits the messages of `publishAsync`: at most `maxPending` are unacknowledged at any time, and at most as many more
 * wait for room, each no longer than `stallWait`.
 */
export class PublishWindow {
  private readonly calls = new UserCalls(new Logger('Publisher'));
  private readonly line: Waiting[] = [];
  private readonly readyWaiters: (() => void)[] = [];
  private readonly completionWaiters: (() => void)[] = [];
  private inFlight = 0;
  private advancing = false;
  private waking = false;
  private timer: Timer | undefined;
  private closed = false;

  constructor(private readonly options: PublishWindowOptions) {}

  /** The number of messages that are sent and not yet acknowledged. */
  get pending(): number {
    return this.inFlight;
  }

  /** Sends a message at once if there is room, otherwise queues it if the queue has room, otherwise fails it. */
  enter(future: PendingPubAck, publication: Sendable): void {
    const { connection, maxPending, stallWait } = this.options;
    if (this.closed) return this.report(future, new ConnectionClosedError(connection));
    if (this.inFlight < maxPending && this.line.length === 0) return this.launch(publication);
    if (this.line.length >= maxPending)
      return this.report(future, this.stalled(future, 'as many others are queued'));
    this.line.push({ future, publication, deadline: performance.now() + stallWait });
    this.timer ??= this.startTimer(stallWait);
  }

  /** Called with the outcome of a sent message. */
  settle(future: PendingPubAck, outcome: PubAck | Error): void {
    this.inFlight--;
    this.report(future, outcome);
    this.advance();
  }

  /** Resolves when there is room for another message. */
  ready(): Promise<void> {
    if (this.hasRoom()) return READY;
    return new Promise((resolve) => this.readyWaiters.push(resolve));
  }

  /** Resolves when no message is waiting and all sent messages are settled. */
  complete(): Promise<void> {
    if (this.idle()) return READY;
    return new Promise((resolve) => this.completionWaiters.push(resolve));
  }

  /** Accepts no new messages; the messages in the window are completed. */
  stop(): void {
    this.closed = true;
    if (this.readyWaiters.length > 0) this.wakeSoon();
  }

  /** Accepts no new messages, and fails the waiting ones. */
  close(): void {
    this.stop();
    this.timer?.cancel();
    for (const { future } of this.line.splice(0)) {
      this.report(future, new ConnectionClosedError(this.options.connection));
    }
    this.advance();
  }

  private launch(publication: Sendable): void {
    this.inFlight++;
    publication.send();
  }

  private advance(): void {
    // If sending fails immediately, the loop below continues instead of growing the stack.
    if (this.advancing) return;
    this.advancing = true;
    while (this.inFlight < this.options.maxPending) {
      const next = this.line.shift();
      if (!next) break;
      this.launch(next.publication);
    }
    this.advancing = false;
    if (this.readyWaiters.length > 0) this.wakeSoon();
    if (this.completionWaiters.length > 0 && this.idle()) {
      for (const resolve of this.completionWaiters.splice(0)) resolve();
    }
  }

  /** Wakes as many producers as there is room for, once for all acknowledgements that arrived together. */
  private wakeSoon(): void {
    if (this.waking) return;
    this.waking = true;
    queueMicrotask(() => {
      this.waking = false;
      if (!this.hasRoom()) return;
      const room = this.closed ? Infinity : this.options.maxPending - this.inFlight;
      for (const resolve of this.readyWaiters.splice(0, room)) resolve();
    });
  }

  private startTimer(delay: number): Timer {
    // Unread acknowledgements in the socket count: they are read before `setImmediate` runs.
    return new Timer(delay, () => setImmediate(() => this.expire()));
  }

  private expire(): void {
    const now = performance.now();
    while (this.line.length > 0 && this.line[0].deadline <= now) {
      const next = this.line.shift();
      if (next)
        this.report(next.future, this.stalled(next.future, `none arrived for ${this.options.stallWait} ms`));
    }
    this.timer = this.line.length > 0 ? this.startTimer(this.line[0].deadline - now) : undefined;
    this.advance();
  }

  private report(future: PendingPubAck, outcome: PubAck | Error): void {
    const { onAck, onError, losses } = this.options;
    future.settle(outcome);
    if (!(outcome instanceof Error)) {
      if (onAck) this.calls.call('publish.onAck', () => onAck(outcome, future.message));
    } else if (onError) {
      this.calls.call('publish.onError', () => onError(outcome, future.message));
    } else {
      future.reportTo(losses, outcome);
    }
  }

  private stalled({ message }: PendingPubAck, problem: string): TooManyStalledPublishesError {
    return new TooManyStalledPublishesError(message.subject, this.options.maxPending, problem);
  }

  private hasRoom(): boolean {
    return this.closed || (this.inFlight < this.options.maxPending && this.line.length === 0);
  }

  private idle(): boolean {
    return this.inFlight === 0 && this.line.length === 0;
  }
}

const READY = Promise.resolve();
