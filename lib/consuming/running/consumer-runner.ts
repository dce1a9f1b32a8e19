import type { JetStreamMessage, LoopOwner, ReceiveLoop } from '../../jetstream/index.js';
import { Deadline, within } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import type { Backlog } from './backlog.js';
import { GivingBack, type Abandoned } from './giving-back.js';
import { KeepAlive } from './keep-alive.js';
import { PullWindow } from './pull-window.js';
import { Slot, type MessageHandling } from './slot.js';
import type { StartGate } from './start-gate.js';

/** How long a loop may take to deliver what the server has sent, in milliseconds; a server that hangs takes for ever. */
export const LONGEST_DRAIN = 2_000;

/** Handles the messages of one consumer, whatever loop brings them. */
export interface MessageRunner extends Pick<LoopOwner, 'onMessage'> {
  /** How many messages were handled, well or not. */
  readonly handled: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many messages are in flight. */
  readonly running: number;
  /** How many messages are buffered. */
  readonly waiting: number;
  /** How many messages may be in flight at once. */
  readonly slots: number;
  /** How many messages may be asked for or held. */
  window(): number;
  /** Follows a loop: the first one, or the one after a consumer was created again. */
  follow(loop: ReceiveLoop): void;
  /** Starts what may be started: a gate may have opened. */
  wake(): void;
  /**
   * Gives back what is buffered, and what still comes; what is in flight goes on. Until the next {@link follow}. What
   * cannot be given back is handled: messages in their last delivery, and all where there are no acknowledgements.
   */
  pause(): Promise<void>;
  /** Resolves when nothing is buffered and nothing in flight. */
  idle(): Promise<void>;
  /**
   * Pauses, lets what goes on end, and gives back what has not ended after `timeout` milliseconds.
   *
   * @returns what became of the messages that had not ended
   */
  stop(timeout: number): Promise<Abandoned>;
  /** The connection is closed: nothing can be settled any more. What is in flight goes on, what is buffered is dropped. */
  disconnected(): void;
}

/**
 * Handles the messages that one loop brings: up to `concurrency` at once, the rest is buffered. Nothing is pulled that
 * could not be handled within `ackWait`, and what is buffered or takes long is kept alive.
 */
export class ConsumerRunner implements MessageRunner {
  /** Made when they are first needed, up to `concurrency`. */
  private readonly places: Slot[] = [];
  private readonly free: Slot[] = [];
  private readonly keepAlive: KeepAlive;
  private readonly pullWindow: PullWindow;
  private readonly givingBack: GivingBack;
  private loop: ReceiveLoop | undefined;
  private refusing = false;
  private stopped = false;
  /** How many messages of former loops are held: the places of the present one are not theirs. */
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
    // A window that was shut may be open again.
    this.loop?.release(0);
  }

  async pause(): Promise<void> {
    this.refusing = this.options.acknowledged;
    // No more is asked for from here on.
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
    // Without a link to the server, the loop does not end before there is one again.
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

  /** Gives a slot the next message that may be started; false if there is none, and the slot is free again. */
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

  /** A slot's message has ended: it takes the next one, in a loop where handlers are synchronous. */
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
