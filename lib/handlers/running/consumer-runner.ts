import type { JetStreamMessage, PullLoop, PullLoopOwner } from '../../jetstream/index.js';
import { MessageQueue } from './message-queue.js';
import { Slot, type MessageHandling } from './slot.js';

/** How a {@link ConsumerRunner} handles messages. Durations in milliseconds. */
export interface ConsumerRunnerOptions {
  /** How many messages are handled at once. */
  readonly concurrency: number;
  /** The most messages that are asked for, buffered or in the works. */
  readonly maxMessages: number;
  /** After how long the server delivers an unsettled message again. */
  readonly ackWait: number;
  /** How long one message is kept alive at the most; `Infinity`: as long as its handler runs. */
  readonly maxProcessingTime: number;
}

/** How often in each `ackWait` messages that wait or are in the works are declared in progress. */
const TICKS_PER_ACK_WAIT = 4;
const FIRST_WINDOW = 16;

/**
 * Handles the messages that one pull loop brings: up to `concurrency` at once, the rest waits in order. Nothing is
 * pulled that could not be handled within `ackWait`, and what waits or takes long is kept alive.
 */
export class ConsumerRunner implements Pick<PullLoopOwner, 'onMessage' | 'window'> {
  private readonly queue = new MessageQueue<JetStreamMessage>();
  private readonly slots: readonly Slot[];
  private readonly free: Slot[];
  private readonly keepAlive: NodeJS.Timeout;
  private readonly longestTicks: number;
  private loop: PullLoop | undefined;
  private stopping = false;
  private idle: (() => void) | undefined;
  private ticks = 0;
  /** How many at the head of the queue were there at the last tick already. */
  private aged = 0;
  private handled = 0;
  private currentWindow: number;
  private measuredAt = performance.now();
  private measuredHandled = 0;

  constructor(
    handling: MessageHandling,
    private readonly options: ConsumerRunnerOptions,
  ) {
    this.slots = Array.from(
      { length: options.concurrency },
      () => new Slot(handling, (slot) => this.release(slot)),
    );
    this.free = [...this.slots];
    this.currentWindow = Math.max(FIRST_WINDOW, options.concurrency);
    const tick = Math.max(10, Math.floor(options.ackWait / TICKS_PER_ACK_WAIT));
    this.longestTicks = options.maxProcessingTime / tick;
    this.keepAlive = setInterval(() => this.keepMessagesAlive(), tick);
  }

  /** How many messages were handled, well or not. */
  get count(): number {
    return this.handled;
  }

  /** How many messages are in the works. */
  get running(): number {
    return this.slots.length - this.free.length;
  }

  /** Follows a loop: the first one, or the one after a consumer was made anew. What is buffered stays. */
  follow(loop: PullLoop): void {
    this.loop = loop;
  }

  onMessage(message: JetStreamMessage): void {
    if (this.stopping) {
      message.nak();
      return;
    }
    const slot = this.queue.length === 0 ? this.free.pop() : undefined;
    if (slot === undefined) this.queue.push(message);
    else this.start(slot, message);
  }

  /**
   * As much as could be handled in half of `ackWait` at the pace of late; while nothing has to wait, twice as much as
   * before.
   */
  window(): number {
    const now = performance.now();
    const elapsed = now - this.measuredAt;
    if (this.queue.length === 0 || elapsed === 0) {
      this.currentWindow *= 2;
    } else {
      const pace = (this.handled - this.measuredHandled) / elapsed;
      this.currentWindow = Math.min(this.currentWindow * 2, Math.floor((pace * this.options.ackWait) / 2));
    }
    this.measuredAt = now;
    this.measuredHandled = this.handled;
    this.currentWindow = Math.max(
      this.options.concurrency,
      Math.min(this.options.maxMessages, this.currentWindow),
    );
    return this.currentWindow;
  }

  /**
   * Gives back what waits, lets what is in the works end, and gives back what has not ended after `timeout`.
   *
   * @returns how many were given back unfinished
   */
  async stop(timeout: number): Promise<number> {
    this.stopping = true;
    for (const message of this.queue.clear()) message.nak();
    await this.loop?.drain();
    if (this.running > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.idle = resolve;
        timer = setTimeout(resolve, timeout);
      });
      clearTimeout(timer);
    }
    clearInterval(this.keepAlive);
    const unfinished = this.slots.filter(({ message }) => message !== undefined && !message.settled);
    for (const { message } of unfinished) message?.nak();
    return unfinished.length;
  }

  private start(slot: Slot, message: JetStreamMessage): void {
    slot.since = this.ticks;
    if (slot.run(message)) this.release(slot);
  }

  /** A slot is through with its message: it takes the next one, in a loop where handlers are synchronous. */
  private release(slot: Slot): void {
    for (;;) {
      slot.message = undefined;
      this.handled++;
      this.loop?.release(1);
      const next = this.queue.shift();
      if (next === undefined) {
        this.free.push(slot);
        if (this.stopping && this.running === 0) this.idle?.();
        return;
      }
      if (this.aged > 0) this.aged--;
      slot.since = this.ticks;
      if (!slot.run(next)) return;
    }
  }

  /**
   * Declares in progress what has been here for a tick or more. A message is at most three ticks old before it is
   * declared for the first time (it ages in the queue, and anew in its slot): less than `ackWait`.
   */
  private keepMessagesAlive(): void {
    this.ticks++;
    for (const message of this.queue.first(this.aged)) message.inProgress();
    this.aged = this.queue.length;
    for (const { message, since } of this.slots) {
      const age = this.ticks - since;
      if (message && !message.settled && age >= 2 && age <= this.longestTicks) message.inProgress();
    }
  }
}
