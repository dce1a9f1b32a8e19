import type { JetStreamMessage } from '../../jetstream/index.js';
import type { RunningOptions } from '../planning/index.js';
import type { Backlog } from './backlog.js';
import { MessageRunner } from './message-runner.js';
import { type MessageHandling, Slot } from './slot.js';
import type { StartGate } from './start-gate.js';

/** Handles messages one by one: up to `concurrency` at once, the rest is buffered. */
export class ConsumerRunner extends MessageRunner {
  /** Slots are created on demand, up to `concurrency`. */
  private readonly places: Slot[] = [];
  private readonly free: Slot[] = [];
  private readonly onFree = (slot: Slot): void => this.release(slot);

  constructor(
    private readonly handling: MessageHandling,
    options: RunningOptions,
    private readonly backlog: Backlog,
    private readonly gates: readonly StartGate[] = [],
  ) {
    const { concurrency, maxMessages } = options;
    const { policy } = handling.route;
    super(
      options,
      policy,
      { least: concurrency, most: maxMessages },
      { least: concurrency, most: concurrency },
      ({ subject }) => (handling.router?.find(subject) ?? handling.route).observer,
    );
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

  onMessage(message: JetStreamMessage): void {
    if (this.refusing && this.refuses(message)) return;
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

  override window(): number {
    for (const gate of this.gates) if (gate.shut) return 1;
    return super.window();
  }

  wake(): void {
    let slot = this.free.pop() ?? this.anotherSlot();
    while (slot !== undefined && this.startNext(slot)) slot = this.free.pop() ?? this.anotherSlot();
    // The pull window may have become larger.
    this.loop?.release(0);
  }

  *unfinished(): Generator<JetStreamMessage> {
    for (const { message, isHandling } of this.places) if (isHandling && message) yield message;
  }

  protected get isBusy(): boolean {
    return this.backlog.size > 0;
  }

  protected *held(): Generator<JetStreamMessage> {
    yield* this.backlog;
    for (const { message } of this.places) if (message) yield message;
  }

  protected buffer(message: JetStreamMessage): void {
    this.backlog.add(message);
  }

  protected clear(): Iterable<JetStreamMessage> {
    return this.backlog.clear();
  }

  protected override discard(): Iterable<JetStreamMessage> {
    for (const gate of this.gates) gate.close();
    return super.discard();
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
        if (!this.isAbandoned(message)) slot.observeEnd(message);
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
}
