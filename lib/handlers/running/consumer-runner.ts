import type { JetStreamMessage, PullLoopOwner, ReceiveLoop } from '../../jetstream/index.js';
import type { RunningOptions } from '../planning/index.js';
import type { Backlog } from './backlog.js';
import { KeepAlive } from './keep-alive.js';
import { PullWindow } from './pull-window.js';
import { Slot, type MessageHandling } from './slot.js';
import type { StartGate } from './start-gate.js';
import { within } from './within.js';

/** Handles the messages of one consumer, whatever loop brings them. */
export interface MessageRunner extends Pick<PullLoopOwner, 'onMessage'> {
  /** How many messages were handled, well or not. */
  readonly handled: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many messages are in the works. */
  readonly running: number;
  /** How many messages wait. */
  readonly waiting: number;
  /** How many messages may be in the works at once. */
  readonly slots: number;
  /** How many messages may be asked for or held. */
  window(): number;
  /** Follows a loop: the first one, or the one after a consumer was made anew. */
  follow(loop: ReceiveLoop): void;
  /** Starts what may be started: a gate may have opened. */
  wake(): void;
  /**
   * Gives back what waits, and what comes; what is in the works goes on. Until the next {@link follow}. Where nothing can
   * be given back, as there are no acknowledgements, what waits is handled.
   */
  pause(): Promise<void>;
  /** Resolves when nothing waits and nothing is in the works. */
  idle(): Promise<void>;
  /**
   * Pauses, lets what goes on end, and gives back what has not ended after `timeout`.
   *
   * @returns how many had not ended
   */
  stop(timeout: number): Promise<number>;
}

/**
 * Handles the messages that one loop brings: up to `concurrency` at once, the rest waits. Nothing is pulled that could
 * not be handled within `ackWait`, and what waits or takes long is kept alive.
 */
export class ConsumerRunner implements MessageRunner {
  private readonly places: readonly Slot[];
  private readonly free: Slot[];
  private readonly keepAlive: KeepAlive;
  private readonly pullWindow: PullWindow;
  private loop: ReceiveLoop | undefined;
  private refusing = false;
  /** How many messages of former loops are held: the places of the present one are not theirs. */
  private heldBefore = 0;
  private readonly whenIdle: (() => void)[] = [];
  private ended = 0;
  private failures = 0;

  constructor(
    handling: MessageHandling,
    private readonly options: RunningOptions,
    private readonly backlog: Backlog,
    private readonly gates: readonly StartGate[] = [],
  ) {
    this.places = Array.from(
      { length: options.concurrency },
      () => new Slot(handling, (slot) => this.release(slot)),
    );
    this.free = [...this.places];
    this.pullWindow = new PullWindow(options.concurrency, options.maxMessages, options.ackWait);
    this.keepAlive = new KeepAlive(options, handling.route.policy, () => this.held());
  }

  get handled(): number {
    return this.ended;
  }

  get failed(): number {
    return this.failures;
  }

  get slots(): number {
    return this.places.length;
  }

  get running(): number {
    return this.slots - this.free.length;
  }

  get waiting(): number {
    return this.backlog.size;
  }

  follow(loop: ReceiveLoop): void {
    this.loop = loop;
    this.heldBefore = this.running + this.backlog.size;
    this.refusing = false;
  }

  onMessage(message: JetStreamMessage): void {
    if (this.refusing) return message.nak();
    message.arrivedAt = this.keepAlive.ticks;
    const slot = this.free.pop();
    if (slot === undefined) return this.backlog.add(message);
    if (this.gates.length > 0) {
      this.backlog.add(message);
      this.startNext(slot);
    } else if (!this.backlog.offer(message)) {
      this.free.push(slot);
    } else if (slot.run(message)) {
      this.release(slot);
    }
  }

  window(): number {
    for (const gate of this.gates) if (gate.shut) return 1;
    return this.pullWindow.next(this.ended, this.backlog.size > 0);
  }

  wake(): void {
    for (let slot = this.free.pop(); slot !== undefined && this.startNext(slot);) slot = this.free.pop();
    // A window that was shut may be open again.
    this.loop?.release(0);
  }

  async pause(): Promise<void> {
    if (this.options.acknowledged) {
      this.refusing = true;
      for (const message of this.backlog.clear()) message.nak();
    }
    await this.loop?.drain();
  }

  idle(): Promise<void> {
    if (this.running === 0 && this.backlog.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  async stop(timeout: number): Promise<number> {
    // Without a link to the server, the loop does not end before there is one again.
    await within(
      timeout,
      this.pause().then(() => this.idle()),
    );
    this.refusing = true;
    this.keepAlive.close();
    for (const gate of this.gates) gate.close();
    const unfinished = [...this.held()].filter(({ settled }) => !settled);
    this.backlog.clear();
    if (this.options.acknowledged) for (const message of unfinished) message.nak();
    return unfinished.length;
  }

  /** Gives a slot the next message that may be started; false where there is none, and the slot is free again. */
  private startNext(slot: Slot): boolean {
    const message = this.next();
    if (message === undefined) {
      this.free.push(slot);
      return false;
    }
    if (slot.run(message)) this.release(slot);
    return true;
  }

  private next(): JetStreamMessage | undefined {
    if (!this.backlog.ready) return undefined;
    for (const gate of this.gates) if (!gate.mayStart()) return undefined;
    return this.backlog.take();
  }

  /** A slot is through with its message: it takes the next one, in a loop where handlers are synchronous. */
  private release(slot: Slot): void {
    for (;;) {
      if (slot.message !== undefined) this.backlog.done(slot.message);
      slot.message = undefined;
      this.ended++;
      if (slot.failed) this.failures++;
      for (const gate of this.gates) gate.ended?.(slot.failed);
      if (this.heldBefore > 0) this.heldBefore--;
      else this.loop?.release(1);
      const next = this.next();
      if (next === undefined) break;
      if (!slot.run(next)) return;
    }
    this.free.push(slot);
    if (this.whenIdle.length > 0 && this.running === 0 && this.backlog.size === 0) {
      for (const resolve of this.whenIdle.splice(0)) resolve();
    }
  }

  private *held(): Generator<JetStreamMessage> {
    yield* this.backlog;
    for (const { message } of this.places) if (message) yield message;
  }
}
