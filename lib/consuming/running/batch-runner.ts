import { Logger } from '@nestjs/common';
import type { JetStreamMessage, ReceiveLoop } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { Deadline, Timer, within } from '../../timing/index.js';
import type { BatchOptions } from '../options/index.js';
import type { RunningOptions } from '../planning/index.js';
import { type CompiledHandler, finalResult } from '../results/index.js';
import type { Settlement, SettlementPolicy } from '../settlement/index.js';
import type { CleanScope } from './clean-scope.js';
import { LONGEST_DRAIN, type MessageRunner } from './consumer-runner.js';
import { type ConsumerPosition, CumulativeAcks } from './cumulative-acks.js';
import { type Abandoned, GivingBack } from './giving-back.js';
import { KeepAlive, TICKS_UNTIL_ALIVE } from './keep-alive.js';
import { PullWindow } from './pull-window.js';
import { reportUnsettled } from './slot.js';

/** Messages that are handled together, with their payloads. */
export interface MessageBatchInput {
  readonly messages: readonly JetStreamMessage[];
  readonly payloads: readonly unknown[];
}

/** How the batches of one consumer are handled. */
export interface BatchHandling {
  readonly handler: CompiledHandler<MessageBatchInput>;
  /** Decodes without sharing an asynchronous context between messages. @throws {@link InvalidPayloadError} */
  readonly decode: (message: JetStreamMessage) => unknown;
  readonly ack: Settlement;
  readonly policy: SettlementPolicy;
  /** The asynchronous scope of batches. */
  readonly scope: CleanScope;
  /**
   * Asks the server for the position of the consumer, if one acknowledgement covers all messages before it
   * (`ackPolicy: 'all'`).
   */
  readonly inspect: (() => Promise<ConsumerPosition>) | undefined;
}

/** The messages of one batch. */
type Batch = readonly JetStreamMessage[];

const DEFAULT_MAX_WAIT = 1_000;

/**
 * Passes messages to a handler in batches: full batches at once, others when their first message has waited long
 * enough.
 */
export class BatchRunner implements MessageRunner {
  private readonly logger = new Logger('JsConsumer');
  private readonly maxWait: number;
  private readonly pullWindow: PullWindow;
  private readonly keepAlive: KeepAlive;
  private readonly givingBack: GivingBack;
  private readonly cumulative: CumulativeAcks | undefined;
  private readonly inFlight = new Set<Batch>();
  private collected: JetStreamMessage[] = [];
  private readonly full: Batch[] = [];
  private loop: ReceiveLoop | undefined;
  private timer: Timer | undefined;
  private refusing = false;
  private stopped = false;
  /** The number of held messages from earlier loops. They do not count for the current loop. */
  private heldBefore = 0;
  private readonly whenIdle: (() => void)[] = [];
  private ended = 0;
  private failures = 0;
  private readonly process = (batch: Batch): Promise<number> => this.handle(batch);

  constructor(
    private readonly handling: BatchHandling,
    private readonly batch: BatchOptions,
    private readonly options: RunningOptions,
  ) {
    const { policy, inspect } = handling;
    this.maxWait = batch.maxWait ?? DEFAULT_MAX_WAIT;
    this.givingBack = new GivingBack(options, policy);
    // One batch in flight for each slot, and one more to collect.
    const least = (this.givingBack.isCostly ? 1 : 2) * this.slots;
    const most = this.givingBack.isCostly ? least : Math.max(least, options.maxMessages);
    this.pullWindow = new PullWindow(least, most, options.ackWait);
    this.cumulative =
      inspect &&
      new CumulativeAcks(inspect, (error) => this.logger.warn(`${policy.handler}: ${errorText(error)}`));
    this.keepAlive = new KeepAlive(
      options,
      policy,
      () => this.held(),
      () => this.cumulative?.tick(({ arrivedAt }) => this.keepAlive.ticks - arrivedAt >= TICKS_UNTIL_ALIVE),
    );
  }

  get handled(): number {
    return this.ended;
  }

  get failed(): number {
    return this.failures;
  }

  get running(): number {
    let count = 0;
    for (const { length } of this.inFlight) count += length;
    return count;
  }

  get waiting(): number {
    return this.full.reduce((count, { length }) => count + length, this.collected.length);
  }

  get slots(): number {
    return this.batch.size * this.options.concurrency;
  }

  follow(loop: ReceiveLoop): void {
    this.loop = loop;
    this.heldBefore = this.running + this.waiting;
    this.refusing = false;
  }

  onMessage(message: JetStreamMessage): void {
    this.cumulative?.arrived(message);
    if (this.refusing && (this.givingBack.offer(message) || this.stopped)) return;
    this.collect(message);
  }

  window(): number {
    const window = this.pullWindow.next(this.ended, this.full.length > 0);
    return this.givingBack.isCostly ? Math.max(0, window - this.heldBefore) : window;
  }

  wake(): void {
    this.startFull();
    this.loop?.release(0);
  }

  async pause(): Promise<void> {
    this.refusing = this.options.acknowledged;
    // No more messages are requested from now on.
    const drained = this.loop?.drain();
    if (this.refusing) {
      for (const message of this.clear()) if (!this.givingBack.offer(message)) this.collect(message);
    }
    if (drained && !(await within(LONGEST_DRAIN, drained))) this.loop?.stop();
    if (this.collected.length > 0) this.close();
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
    const held = [...this.held()];
    this.clear();
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
    this.clear();
    this.checkIdle();
  }

  private get isIdle(): boolean {
    return this.inFlight.size === 0 && this.waiting === 0;
  }

  private collect(message: JetStreamMessage): void {
    message.arrivedAt = this.keepAlive.ticks;
    this.collected.push(message);
    if (this.collected.length >= this.batch.size) this.close();
    else this.timer ??= new Timer(this.maxWait, () => this.close());
  }

  /** Removes all buffered messages. */
  private clear(): JetStreamMessage[] {
    this.timer?.cancel();
    this.timer = undefined;
    return [...this.full.splice(0).flat(), ...this.collected.splice(0)];
  }

  /** Closes the batch that is being collected. */
  private close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.full.push(this.collected);
    this.collected = [];
    this.startFull();
  }

  private startFull(): void {
    while (this.inFlight.size < this.options.concurrency) {
      const batch = this.full.shift();
      if (!batch) return;
      this.inFlight.add(batch);
      // Neither promise rejects.
      void this.handling.scope.run(this.process, batch).then((failed) => this.end(batch, failed));
    }
  }

  /** The only place where a batch ends, regardless of the outcome of its messages. */
  private end(batch: Batch, failed: number): void {
    this.inFlight.delete(batch);
    this.ended += batch.length;
    this.failures += failed;
    const before = Math.min(batch.length, this.heldBefore);
    this.heldBefore -= before;
    this.loop?.release(batch.length - before);
    this.startFull();
    this.checkIdle();
  }

  private checkIdle(): void {
    if (this.whenIdle.length > 0 && this.isIdle) for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  /** Decodes, handles and settles a batch; resolves with the number of failed messages. Never rejects. */
  private async handle(batch: Batch): Promise<number> {
    const { ack, policy } = this.handling;
    await this.settle(batch, (message) => ack.onStart(message, policy));
    const { messages, payloads, refused } = await this.decode(batch);
    // An invalid message does not affect the other messages of the batch.
    const refusing = this.settle([...refused.keys()], (message) =>
      ack.onFailure(refused.get(message), message, policy),
    );
    let failure: { readonly error: unknown } | undefined;
    try {
      if (messages.length > 0) await this.call({ messages, payloads });
    } catch (thrown) {
      failure = { error: thrown };
    }
    await refusing;
    if (!failure) this.cumulative?.cover(messages);
    await this.settle(messages, (message) =>
      failure ? ack.onFailure(failure.error, message, policy) : ack.onSuccess(message, policy),
    );
    return failure ? batch.length : refused.size;
  }

  /** Calls the handler; resolves when its result is complete. */
  private async call(input: MessageBatchInput): Promise<void> {
    await finalResult(this.handling.handler(input));
  }

  /**
   * Settles messages. Hooks of users may be involved. Never rejects; resolves at once if there is nothing to wait for.
   */
  private async settle(
    messages: readonly JetStreamMessage[],
    settle: (message: JetStreamMessage) => void | Promise<void>,
  ): Promise<void> {
    let pending: Promise<void>[] | undefined;
    for (const message of messages) {
      try {
        const settling = settle(message);
        if (settling)
          (pending ??= []).push(
            Promise.resolve(settling).catch((error: unknown) => this.report(message, error)),
          );
      } catch (error) {
        this.report(message, error);
      }
    }
    if (pending) await Promise.all(pending);
  }

  private report(message: JetStreamMessage, error: unknown): void {
    reportUnsettled(message, this.handling.policy, error);
  }

  private async decode(
    batch: Batch,
  ): Promise<MessageBatchInput & { readonly refused: ReadonlyMap<JetStreamMessage, unknown> }> {
    const messages: JetStreamMessage[] = [];
    const payloads: unknown[] = [];
    const refused = new Map<JetStreamMessage, unknown>();
    let pending = false;
    for (const message of batch) {
      try {
        const payload = this.handling.decode(message);
        pending ||= payload instanceof Promise;
        messages.push(message);
        payloads.push(payload);
      } catch (error) {
        refused.set(message, error);
      }
    }
    if (!pending) return { messages, payloads, refused };
    // Schemas may validate asynchronously.
    const outcomes = await Promise.allSettled(payloads);
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'rejected') refused.set(messages[i], outcome.reason);
    });
    return {
      messages: messages.filter((message) => !refused.has(message)),
      payloads: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
      refused,
    };
  }

  private *held(): Generator<JetStreamMessage> {
    yield* this.collected;
    for (const batch of this.full) yield* batch;
    for (const batch of this.inFlight) yield* batch;
  }
}
