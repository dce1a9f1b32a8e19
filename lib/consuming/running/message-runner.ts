import type { HandlerObserver } from '../../instruments/index.js';
import type { JetStreamMessage, LoopOwner, ReceiveLoop } from '../../jetstream/index.js';
import { Deadline, within } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import type { SettlementPolicy } from '../settlement/index.js';
import { type Abandoned, GivingBack } from './giving-back.js';
import { KeepAlive } from './keep-alive.js';
import { abandonedEnding, reportUnhandled } from './observation.js';
import { PullWindow } from './pull-window.js';

/**
 * How long a loop may take to deliver the messages that the server has sent, in milliseconds. The limit is needed for
 * servers that do not respond.
 */
export const LONGEST_DRAIN = 2_000;

/**
 * Handles the messages of one consumer, from any loop. It pulls only as many messages as can be handled within
 * `ackWait`, and keeps messages in progress that are buffered or take longer.
 */
export abstract class MessageRunner implements Pick<LoopOwner, 'onMessage'> {
  protected readonly keepAlive: KeepAlive;
  protected readonly givingBack: GivingBack;
  protected loop: ReceiveLoop | undefined;
  protected refusing = false;
  protected stopped = false;
  /** The number of held messages from earlier loops. They do not count for the current loop. */
  protected heldBefore = 0;
  protected ended = 0;
  protected failures = 0;
  private readonly pullWindow: PullWindow;
  private readonly whenIdle: (() => void)[] = [];
  /** The messages that were unfinished when the handler was stopped. Their end was reported then. */
  private abandoned: ReadonlySet<JetStreamMessage> | undefined;

  /**
   * @param buffered how many messages are requested at least, and at most, if it is allowed to buffer messages
   * @param unbuffered the same if it is not, because the messages have few deliveries
   * @param observerOf finds the observer of a message that was not handled
   */
  protected constructor(
    protected readonly options: RunningOptions,
    policy: SettlementPolicy,
    buffered: PullLimits,
    unbuffered: PullLimits,
    private readonly observerOf: (message: JetStreamMessage) => HandlerObserver | undefined,
  ) {
    this.givingBack = new GivingBack(options, policy);
    const { least, most } = this.givingBack.isCostly ? unbuffered : buffered;
    this.pullWindow = new PullWindow(least, most, options.ackWait);
    this.keepAlive = new KeepAlive(
      options,
      policy,
      () => this.held(),
      () => this.onTick(),
    );
  }

  /** The number of handled messages, including failed ones. */
  get handled(): number {
    return this.ended;
  }

  /** The number of failed messages. */
  get failed(): number {
    return this.failures;
  }

  /** The number of messages in flight. */
  abstract get running(): number;
  /** The number of buffered messages. */
  abstract get waiting(): number;
  /** The maximum number of messages in flight. */
  abstract get slots(): number;

  abstract onMessage(message: JetStreamMessage): void;

  /** The messages or batches whose handler has been called and has not ended. */
  abstract unfinished(): Iterable<object>;

  /** Starts waiting messages, because a gate may have opened. */
  abstract wake(): void;

  /** The number of messages that may be requested or held. */
  window(): number {
    const window = this.pullWindow.next(this.ended, this.isBusy);
    return this.givingBack.isCostly ? Math.max(0, window - this.heldBefore) : window;
  }

  /** Follows a loop: the first one, or the one after a consumer was created again. */
  follow(loop: ReceiveLoop): void {
    this.loop = loop;
    this.heldBefore = this.running + this.waiting;
    this.refusing = false;
  }

  /**
   * Returns buffered and newly arriving messages to the server until the next {@link follow}; messages in flight are
   * completed. Messages that cannot be returned are handled: those in their last delivery, and all messages if there
   * are no acknowledgements.
   */
  async pause(): Promise<void> {
    this.refusing = this.options.acknowledged;
    // No more messages are requested from now on.
    const drained = this.loop?.drain();
    if (this.refusing) {
      for (const message of this.clear()) if (!this.returns(message)) this.buffer(message);
    }
    if (drained && !(await within(LONGEST_DRAIN, drained))) this.loop?.stop();
    this.onPaused();
    this.checkIdle();
  }

  /** Resolves when no messages are buffered or in flight. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /**
   * Pauses, waits for messages in flight, and returns those that have not ended after `timeout` milliseconds.
   *
   * @returns the number of messages that had not ended, by outcome
   */
  async stop(timeout: number): Promise<Abandoned> {
    const deadline = new Deadline(timeout);
    // While the link to the server is down, the loop ends only when the link is restored.
    await deadline.wait(this.pause().then(() => this.idle()));
    this.refusing = true;
    this.stopped = true;
    this.loop?.stop();
    const held = [...this.held()];
    this.abandoned = new Set(held);
    this.discard();
    const abandoned = await this.givingBack.abandon(held);
    for (const message of held) this.observerOf(message)?.ended(message, abandonedEnding(message));
    this.keepAlive.close();
    this.checkIdle();
    return abandoned;
  }

  /**
   * Called when the connection is closed and nothing can be settled any more. Messages in flight are completed,
   * buffered ones are discarded.
   */
  disconnected(): void {
    this.refusing = true;
    this.keepAlive.close();
    if (!this.options.acknowledged) return;
    this.stopped = true;
    for (const message of this.discard()) this.unhandled(message, 'lost');
    this.checkIdle();
  }

  /** Reports a message that was settled without its handler. */
  passedOver(message: JetStreamMessage): void {
    const observer = this.observerOf(message);
    const { outcome } = message;
    if (observer === undefined) return;
    reportUnhandled(
      observer,
      message,
      outcome?.outcome === 'retried' ? 'released' : (outcome?.outcome ?? 'left'),
    );
  }

  /** Refuses a message that arrives during or after a pause, unless it has to be handled. */
  protected refuses(message: JetStreamMessage): boolean {
    if (this.returns(message)) return true;
    if (this.stopped) this.unhandled(message, 'lost');
    return this.stopped;
  }

  /** Returns a message to the server if that is possible. */
  private returns(message: JetStreamMessage): boolean {
    if (!this.givingBack.offer(message)) return false;
    this.unhandled(message, 'released');
    return true;
  }

  private unhandled(message: JetStreamMessage, outcome: 'released' | 'lost'): void {
    const observer = this.observerOf(message);
    if (observer !== undefined) reportUnhandled(observer, message, outcome);
  }

  /** Whether the end of a message was reported although its handler had not ended. */
  protected isAbandoned(message: JetStreamMessage): boolean {
    return this.abandoned !== undefined && this.abandoned.has(message);
  }

  /** Whether messages wait for a free slot. */
  protected abstract get isBusy(): boolean;

  /** All messages that are buffered or in flight. */
  protected abstract held(): Iterable<JetStreamMessage>;

  /** Adds a message to the buffered ones. */
  protected abstract buffer(message: JetStreamMessage): void;

  /** Removes and returns all buffered messages. */
  protected abstract clear(): Iterable<JetStreamMessage>;

  /** Discards all buffered messages, because nothing will be started any more. */
  protected discard(): Iterable<JetStreamMessage> {
    return this.clear();
  }

  /** Called when a pause is complete: no more messages arrive. */
  protected onPaused(): void {}

  /** Called several times in each `ackWait`. Must not throw. */
  protected onTick(): void {}

  protected checkIdle(): void {
    if (this.whenIdle.length > 0 && this.isIdle) for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private get isIdle(): boolean {
    return this.running === 0 && this.waiting === 0;
  }
}

/** How many messages are requested. */
export interface PullLimits {
  readonly least: number;
  readonly most: number;
}
