import type { JetStreamMessage, LoopOwner, ReceiveLoop } from '../../jetstream/index.js';
import { Deadline, within } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import type { Backlog } from './backlog.js';
import { GivingBack, type Abandoned } from './giving-back.js';
import { KeepAlive } from './keep-alive.js';
import { PullWindow } from './pull-window.js';
import { Slot, type MessageHandling } from './slot.js';
import type { StartGate } from './start-gate.js';

/**
 * How long a loop may take to deliver the messages that the server has sent, in milliseconds. The limit is needed for
 * servers that do not respond.
 */
export const LONGEST_DRAIN = 2_000;

/** Handles the messages of one consumer, from any loop. */
export interface MessageRunner extends Pick<LoopOwner, 'onMessage'> {
  /** The number of handled messages, including failed ones. */
  readonly handled: number;
  /** The number of failed messages. */
  readonly failed: number;
  /** The number of messages in flight. */
  readonly running: number;
  /** The number of buffered messages. */
  readonly waiting: number;
  /** The maximum number of messages in flight. */
  readonly slots: number;
  /** The number of messages that may be requested or held. */
  window(): number;
  /** Follows a loop: the first one, or the one after a consumer was created again. */
  follow(loop: ReceiveLoop): void;
  /** Starts waiting messages, because a gate may have opened. */
  wake(): void;
  /**
   * Returns buffered and newly arriving messages to the server until the next {@link follow}; messages in flight are
   * completed. Messages that cannot be returned are handled: those in their last delivery, and all messages if there
   * are no acknowledgements.
   */
  pause(): Promise<void>;
  /** Resolves when no messages are buffered or in flight. */
  idle(): Promise<void>;
  /**
   * Pauses, waits for messages in flight, and returns those that have not ended after `timeout` milliseconds.
   *
   * @returns the number of messages that had not ended, by outcome
   */
  stop(timeout: number): Promise<Abandoned>;
  /**
   * Called when the connection is closed and nothing can be settled any more. Messages in flight are completed,
   * buffered ones are discarded.
   */
  disconnected(): void;
}

/**
 * Handles the messages of one loop: up to `concurrency` at once, the rest is buffered. It pulls only as many messages
 * as can be handled within `ackWait`, and keeps messages in progress that are buffered or take longer.
 */
export class ConsumerRunner implements MessageRunner {
  /** Slots are created on demand, up to `concurrency`. */
  private readonly places: Slot[] = [];
  private readonly free: Slot[] = [];
  private readonly keepAlive: KeepAlive;
  private readonly pullWindow: PullWindow;
  private readonly givingBack: GivingBack;
  private loop: ReceiveLoop | undefined;
  private refusing = false;
  private stopped = false;
  /** The number of held messages from earlier loops. They do not count for the current loop. */
  private heldBefore = 0;
  private readonly whenIdle: (() => void)[] = [];
  private ended = 0;
  private failures = 0;

  private readonly onFree = (slot: Slot): void => this.release(slot);

  constructor(
    private readonly handling: MessageHandling,
    private readonly options: RunningOptions,
    private readonly backlog: Backlog,
    private readonly gates: readonly StartGate[] = [],
  ) {
    const { concurrency, maxMessages, ackWait } = options;
    this.givingBack = new GivingBack(options, handling.route.policy);
    const most = this.givingBack.isCostly ? concurrency : maxMessages;
    this.pullWindow = new PullWindow(concurrency, most, ackWait);
    this.keepAlive = new KeepAlive(options, handling.route.policy, () => this.held());
  }

  get handled(): number {
    return this.ended;
  }

  get failed(): number {
    return this.failures;
  }

  get slots(): number {
    return this.options.concurrency;
  }

  get running(): number {
    return this.places.length - this.free.length;
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
    if (this.refusing && (this.givingBack.offer(message) || this.stopped)) return;
    message.arrivedAt = this.keepAlive.ticks;
    const slot = this.free.pop() ?? this.anotherSlot();
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
    const window = this.pullWindow.next(this.ended, this.backlog.size > 0);
    return this.givingBack.isCostly ? Math.max(0, window - this.heldBefore) : window;
  }

  wake(): void {
    let slot = this.free.pop() ?? this.anotherSlot();
    while (slot !== undefined && this.startNext(slot)) slot = this.free.pop() ?? this.anotherSlot();
    // The pull window may have become larger.
    this.loop?.release(0);
  }

  async pause(): Promise<void> {
    this.refusing = this.options.acknowledged;
    // No more messages are requested from now on.
    const drained = this.loop?.drain();
    if (this.refusing) {
      for (const message of this.backlog.clear()) {
        if (!this.givingBack.offer(message)) this.backlog.add(message);
      }
    }
    if (drained && !(await within(LONGEST_DRAIN, drained))) this.loop?.stop();
    this.checkIdle();
  }

  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  async stop(timeout: number): Promise<Abandoned> {
    const deadline = new Deadline(timeout);
    // While the link to the server is down, the loop ends only when the link is restored.
    await deadline.wait(this.pause().then(() => this.idle()));
    this.refusing = true;
    this.stopped = true;
    this.loop?.stop();
    for (const gate of this.gates) gate.close();
    const held = [...this.held()];
    this.backlog.clear();
    const abandoned = await this.givingBack.abandon(held);
    this.keepAlive.close();
    this.checkIdle();
    return abandoned;
  }

  disconnected(): void {
    this.refusing = true;
    this.keepAlive.close();
    if (!this.options.acknowledged) return;
    this.stopped = true;
    for (const gate of this.gates) gate.close();
    this.backlog.clear();
    this.checkIdle();
  }

  private get isIdle(): boolean {
    return this.running === 0 && this.backlog.size === 0;
  }

  private anotherSlot(): Slot | undefined {
    if (this.places.length === this.options.concurrency) return undefined;
    const slot = new Slot(this.handling, this.onFree);
    this.places.push(slot);
    return slot;
  }

  /** Starts the next message on a slot; `false` if no message may be started, and the slot remains free. */
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
    const message = this.backlog.take();
    if (message !== undefined) for (const gate of this.gates) gate.started(message);
    return message;
  }

  /**
   * Called when the message of a slot has ended. The slot takes the next message, in a loop if handlers are
   * synchronous.
   */
  private release(slot: Slot): void {
    for (;;) {
      const { message } = slot;
      slot.message = undefined;
      this.ended++;
      if (slot.failed) this.failures++;
      if (message !== undefined) {
        this.backlog.done(message);
        for (const gate of this.gates) gate.ended?.(message, slot.failed);
      }
      if (this.heldBefore > 0) this.heldBefore--;
      else this.loop?.release(1);
      const next = this.next();
      if (next === undefined) break;
      if (!slot.run(next)) return;
    }
    this.free.push(slot);
    this.checkIdle();
  }

  private checkIdle(): void {
    if (this.whenIdle.length > 0 && this.isIdle) for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private *held(): Generator<JetStreamMessage> {
    yield* this.backlog;
    for (const { message } of this.places) if (message) yield message;
  }
}
