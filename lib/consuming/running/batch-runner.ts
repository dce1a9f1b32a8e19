import { Logger } from '@nestjs/common';
import type { HandlerObserver } from '../../instruments/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { Timer } from '../../timing/index.js';
import type { BatchOptions } from '../options/index.js';
import type { RunningOptions } from '../planning/index.js';
import { type CompiledHandler, finalResult } from '../results/index.js';
import type { Settlement, SettlementPolicy } from '../settlement/index.js';
import type { CleanScope } from './clean-scope.js';
import { type ConsumerPosition, CumulativeAcks } from './cumulative-acks.js';
import { TICKS_UNTIL_ALIVE } from './keep-alive.js';
import { MessageRunner } from './message-runner.js';
import { reportHandled } from './observation.js';
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
  /** Passes the messages to instruments, if any is interested. */
  readonly observer?: HandlerObserver | undefined;
}

/** The messages of one batch. */
type Batch = readonly JetStreamMessage[];

const DEFAULT_MAX_WAIT = 1_000;

/**
 * Passes messages to a handler in batches: full batches at once, others when their first message has waited long
 * enough.
 */
export class BatchRunner extends MessageRunner {
  private readonly logger = new Logger('JsConsumer');
  private readonly maxWait: number;
  private readonly cumulative: CumulativeAcks | undefined;
  private readonly inFlight = new Set<Batch>();
  /** The batches whose handler has not ended. */
  private readonly called = new Set<MessageBatchInput>();
  private collected: JetStreamMessage[] = [];
  private readonly full: Batch[] = [];
  private timer: Timer | undefined;
  private readonly process = (batch: Batch): Promise<number> => this.handle(batch);

  constructor(
    private readonly handling: BatchHandling,
    private readonly batch: BatchOptions,
    options: RunningOptions,
  ) {
    const { policy, inspect } = handling;
    const slots = batch.size * options.concurrency;
    // One batch in flight for each slot, and one more to collect.
    const least = 2 * slots;
    super(
      options,
      policy,
      { least, most: Math.max(least, options.maxMessages) },
      { least: slots, most: slots },
      () => handling.observer,
    );
    this.maxWait = batch.maxWait ?? DEFAULT_MAX_WAIT;
    this.cumulative =
      inspect &&
      new CumulativeAcks(inspect, (error) => this.logger.warn(`${policy.handler}: ${errorText(error)}`));
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

  onMessage(message: JetStreamMessage): void {
    this.cumulative?.arrived(message);
    if (this.refusing && this.refuses(message)) return;
    this.buffer(message);
  }

  wake(): void {
    this.startFull();
    this.loop?.release(0);
  }

  protected get isBusy(): boolean {
    return this.full.length > 0;
  }

  protected *held(): Generator<JetStreamMessage> {
    yield* this.collected;
    for (const batch of this.full) yield* batch;
    for (const batch of this.inFlight) yield* batch;
  }

  protected buffer(message: JetStreamMessage): void {
    message.arrivedAt = this.keepAlive.ticks;
    this.collected.push(message);
    if (this.collected.length >= this.batch.size) this.close();
    else this.timer ??= new Timer(this.maxWait, () => this.close());
  }

  unfinished(): Iterable<object> {
    return this.called;
  }

  protected clear(): JetStreamMessage[] {
    this.timer?.cancel();
    this.timer = undefined;
    return [...this.full.splice(0).flat(), ...this.collected.splice(0)];
  }

  protected override onPaused(): void {
    if (this.collected.length > 0) this.close();
  }

  protected override onTick(): void {
    this.cumulative?.tick(({ arrivedAt }) => this.keepAlive.ticks - arrivedAt >= TICKS_UNTIL_ALIVE);
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

  /** Decodes, handles and settles a batch; resolves with the number of failed messages. Never rejects. */
  private async handle(batch: Batch): Promise<number> {
    const { ack, policy, observer } = this.handling;
    const startedAt = performance.now();
    if (observer !== undefined) for (const message of batch) observer.started(message);
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
    if (observer !== undefined) {
      for (const message of batch) {
        if (this.isAbandoned(message)) continue;
        const { error } = failure ?? { error: refused.get(message) };
        const failed = failure !== undefined || refused.has(message);
        reportHandled(observer, message, policy, { failed, error, startedAt });
      }
    }
    return failure ? batch.length : refused.size;
  }

  /** Calls the handler; resolves when its result is complete. */
  private async call(input: MessageBatchInput): Promise<void> {
    this.called.add(input);
    try {
      await finalResult(this.handling.handler(input));
    } finally {
      this.called.delete(input);
    }
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
}
