import type { JetStreamMessage, ReceiveLoop } from '../../jetstream/index.js';
import { pendingResult, settlementError, type CompiledHandler } from '../compile/index.js';
import type { BatchOptions } from '../decorators/index.js';
import type { RunningOptions } from '../planning/index.js';
import type { Settlement, SettlementPolicy } from '../settlement/index.js';
import type { MessageRunner } from './consumer-runner.js';
import { KeepAlive } from './keep-alive.js';
import { PullWindow } from './pull-window.js';
import { within } from './within.js';

/** Messages that are handled together, with their payloads. */
export interface MessageBatchInput {
  readonly messages: readonly JetStreamMessage[];
  readonly payloads: readonly unknown[];
}

/** What happens to the batches of one consumer. */
export interface BatchHandling {
  readonly handler: CompiledHandler<MessageBatchInput>;
  /** @throws {@link InvalidPayloadError} */
  readonly decode: (message: JetStreamMessage) => unknown;
  readonly ack: Settlement;
  readonly policy: SettlementPolicy;
  /** One acknowledgement settles all before it (`ackPolicy: 'all'`). */
  readonly cumulative: boolean;
}

const DEFAULT_MAX_WAIT = 1_000;

/** Hands messages to a handler in batches: full ones at once, others when their first message has waited long enough. */
export class BatchRunner implements MessageRunner {
  private readonly maxWait: number;
  private readonly pullWindow: PullWindow;
  private readonly keepAlive: KeepAlive;
  private readonly inTheWorks = new Set<MessageBatchInput>();
  private collected: JetStreamMessage[] = [];
  private readonly full: JetStreamMessage[][] = [];
  private loop: ReceiveLoop | undefined;
  private timer: NodeJS.Timeout | undefined;
  private refusing = false;
  /** How many messages of former loops are held: the places of the present one are not theirs. */
  private heldBefore = 0;
  private readonly whenIdle: (() => void)[] = [];
  private ended = 0;
  private failures = 0;

  constructor(
    private readonly handling: BatchHandling,
    private readonly batch: BatchOptions,
    private readonly options: RunningOptions,
  ) {
    this.maxWait = batch.maxWait ?? DEFAULT_MAX_WAIT;
    // One batch in the works and one to come for each place.
    const least = 2 * batch.size * options.concurrency;
    this.pullWindow = new PullWindow(least, Math.max(least, options.maxMessages), options.ackWait);
    this.keepAlive = new KeepAlive(options, handling.policy, () => this.held());
  }

  get handled(): number {
    return this.ended;
  }

  get failed(): number {
    return this.failures;
  }

  get running(): number {
    let count = 0;
    for (const { messages } of this.inTheWorks) count += messages.length;
    return count;
  }

  get waiting(): number {
    return this.full.reduce((count, messages) => count + messages.length, this.collected.length);
  }

  follow(loop: ReceiveLoop): void {
    this.loop = loop;
    this.heldBefore = this.running + this.waiting;
    this.refusing = false;
  }

  onMessage(message: JetStreamMessage): void {
    if (this.refusing) return message.nak();
    message.arrivedAt = this.keepAlive.ticks;
    this.collected.push(message);
    if (this.collected.length >= this.batch.size) this.close();
    else this.timer ??= setTimeout(() => this.close(), this.maxWait);
  }

  get slots(): number {
    return this.batch.size * this.options.concurrency;
  }

  window(): number {
    return this.pullWindow.next(this.ended, this.full.length > 0);
  }

  wake(): void {
    while (this.full.length > 0 && this.inTheWorks.size < this.options.concurrency) {
      const messages = this.full.shift();
      if (messages) this.start(messages);
    }
    this.loop?.release(0);
  }

  async pause(): Promise<void> {
    if (this.options.acknowledged) {
      this.refusing = true;
      for (const message of this.clear()) message.nak();
    }
    await this.loop?.drain();
    if (this.collected.length > 0) this.close();
  }

  idle(): Promise<void> {
    if (this.inTheWorks.size === 0 && this.waiting === 0) return Promise.resolve();
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
    const unfinished = [...this.held()].filter(({ settled }) => !settled);
    this.clear();
    if (this.options.acknowledged) for (const message of unfinished) message.nak();
    return unfinished.length;
  }

  /** Removes all that waits. */
  private clear(): JetStreamMessage[] {
    clearTimeout(this.timer);
    this.timer = undefined;
    return [...this.full.splice(0).flat(), ...this.collected.splice(0)];
  }

  /** The batch being collected takes no more. */
  private close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const messages = this.collected;
    this.collected = [];
    if (this.inTheWorks.size < this.options.concurrency) this.start(messages);
    else this.full.push(messages);
  }

  private start(all: readonly JetStreamMessage[]): void {
    const decoded: { readonly message: JetStreamMessage; readonly payload: unknown }[] = [];
    for (const message of all) {
      try {
        decoded.push({ message, payload: this.handling.decode(message) });
      } catch (error) {
        this.spoilt(message, error);
      }
    }
    if (!decoded.some(({ payload }) => payload instanceof Promise))
      return this.handle(
        decoded.map(({ message }) => message),
        decoded.map(({ payload }) => payload),
      );
    // A schema validates asynchronously: what it refuses is left out then.
    const placeholder: MessageBatchInput = { messages: decoded.map(({ message }) => message), payloads: [] };
    this.inTheWorks.add(placeholder);
    void Promise.allSettled(decoded.map(({ payload }) => payload)).then((outcomes) => {
      this.inTheWorks.delete(placeholder);
      const messages: JetStreamMessage[] = [];
      const payloads: unknown[] = [];
      outcomes.forEach((outcome, i) => {
        if (outcome.status === 'rejected') return this.spoilt(decoded[i].message, outcome.reason);
        messages.push(decoded[i].message);
        payloads.push(outcome.value);
      });
      this.handle(messages, payloads);
    });
  }

  /** One bad message does not spoil the others. */
  private spoilt(message: JetStreamMessage, error: unknown): void {
    void this.handling.ack.onFailure(error, message, this.handling.policy);
    this.count(1, true);
  }

  private handle(messages: readonly JetStreamMessage[], payloads: readonly unknown[]): void {
    if (messages.length === 0) return;
    const input: MessageBatchInput = { messages, payloads };
    const { ack, policy } = this.handling;
    this.inTheWorks.add(input);
    for (const message of messages) ack.onStart(message, policy);
    try {
      const pending = pendingResult(this.handling.handler(input));
      if (pending === undefined) void this.succeeded(input);
      else
        pending.then(
          () => this.succeeded(input),
          (error: unknown) => this.failedWith(input, error),
        );
    } catch (error) {
      void this.failedWith(input, error);
    }
  }

  private async succeeded(input: MessageBatchInput): Promise<void> {
    const { ack, policy, cumulative } = this.handling;
    const { messages } = input;
    // One that the handler settled otherwise must not be covered by the acknowledgement of a later one.
    const last = messages[messages.length - 1];
    const settle = cumulative && !messages.some(({ settled }) => settled) ? [last] : messages;
    let pending: Promise<unknown>[] | undefined;
    for (const message of settle) {
      const settling = ack.onSuccess(message, policy);
      if (settling) (pending ??= []).push(settling);
    }
    if (pending) await Promise.all(pending);
    this.end(input, false);
  }

  private async failedWith(input: MessageBatchInput, thrown: unknown): Promise<void> {
    const { ack, policy } = this.handling;
    const error = settlementError(thrown);
    await Promise.all(input.messages.map(async (message) => ack.onFailure(error, message, policy)));
    this.end(input, true);
  }

  private end(input: MessageBatchInput, failed: boolean): void {
    this.inTheWorks.delete(input);
    this.count(input.messages.length, failed);
    const next = this.full.shift();
    if (next) this.start(next);
    if (this.whenIdle.length > 0 && this.inTheWorks.size === 0 && this.waiting === 0) {
      for (const resolve of this.whenIdle.splice(0)) resolve();
    }
  }

  private count(messages: number, failed: boolean): void {
    this.ended += messages;
    if (failed) this.failures += messages;
    const before = Math.min(messages, this.heldBefore);
    this.heldBefore -= before;
    this.loop?.release(messages - before);
  }

  private *held(): Generator<JetStreamMessage> {
    yield* this.collected;
    for (const messages of this.full) yield* messages;
    for (const { messages } of this.inTheWorks) yield* messages;
  }
}
