import type { ObservedDelivery, Outcome } from '../../../instruments/index.js';
import { errorClass, errorText, printable } from '../../../reporting/index.js';
import type { PendingWork } from '../errors.js';
import type { HandlerGroup } from './handler-groups.js';
import type { Pending } from './running-flow.js';

/** Explains why a handler does not receive its messages, such as `is paused`; `undefined` if it runs. */
export type StatusOf = (handler: string) => string | undefined;

/** The outcomes after which the server does not deliver the message again. */
const SETTLED: ReadonlySet<Outcome> = new Set(['acked', 'terminated', 'dead-lettered', 'answered', 'failed']);

/** A message that a group of handlers receives, from the publish until it is settled for good. */
export class PendingDelivery implements Pending {
  /** The handler that received it. */
  handler: string | undefined;
  deliveryCount = 0;
  /** Whether nothing more is waited for. */
  isOver = false;
  /** The sequence of the message, once it is settled for good: the server accepts no other settlement, and does not deliver it again. */
  private settledSequence: number | undefined;
  /** Whether the last delivery that has ended is not followed by another one. */
  private isDone = false;
  private isReturned = false;
  /** The deliveries whose handlers run: several, if the message was delivered again because its ack wait was over. */
  private readonly running = new Set<ObservedDelivery>();
  private since = performance.now();
  private lastError: { readonly error: unknown } | undefined;
  private nextAttempt: number | undefined;
  private isLost = false;

  constructor(
    readonly group: HandlerGroup,
    readonly subject: string,
    private readonly statusOf: StatusOf,
    /** The stream and sequence of the message, or the bucket and revision of the change, for errors. */
    private readonly placeOf: () => string,
  ) {}

  get isRunning(): boolean {
    return this.running.size > 0 && !this.isOver;
  }

  /** Whether the message is settled for good, and none of its deliveries is running. */
  get hasEnded(): boolean {
    return this.running.size === 0 && (this.isDone || this.settledSequence !== undefined);
  }

  get state(): 'expected' | 'running' | 'retrying' {
    if (this.running.size > 0) return 'running';
    return this.isReturned ? 'retrying' : 'expected';
  }

  started(handler: string, delivery: ObservedDelivery): void {
    this.running.add(delivery);
    this.handler = handler;
    this.deliveryCount = deliveryCountOf(delivery);
    this.since = performance.now();
  }

  /** A delivery has ended, and is not followed by another one. */
  finished(delivery: ObservedDelivery, outcome: Outcome): void {
    this.running.delete(delivery);
    this.isDone = true;
    if (SETTLED.has(outcome)) this.settledSequence = delivery.metadata?.streamSequence;
  }

  /**
   * A delivery has ended, and the message is delivered again, after `delay` milliseconds if that is known.
   *
   * @param isLost whether its connection was closed before it was settled
   */
  returned(delivery: ObservedDelivery, error: unknown, delay: number | undefined, isLost: boolean): void {
    this.running.delete(delivery);
    this.isDone = false;
    this.isLost = isLost;
    this.isReturned = true;
    if (this.running.size === 0) this.since = performance.now();
    if (error !== undefined) this.lastError = { error };
    this.nextAttempt = delay === undefined ? undefined : Date.now() + delay;
  }

  /** Takes over that the message is settled already, if `delivery` is another delivery of it that began before. */
  follow(earlier: PendingDelivery | undefined, delivery: ObservedDelivery): void {
    const settledSequence = earlier?.settledSequence;
    if (settledSequence === undefined || deliveryCountOf(delivery) === 1) return;
    if (delivery.metadata?.streamSequence === settledSequence) this.settledSequence = settledSequence;
  }

  describe(): PendingWork & { readonly text: string } {
    const { state, deliveryCount, lastError, nextAttempt } = this;
    const subject = printable(this.subject);
    const handler = this.handler ?? this.group.namesFor(this.subject);
    return {
      handler,
      subject,
      state,
      deliveryCount,
      ...(lastError && { lastError: lastError.error }),
      ...(nextAttempt !== undefined && { nextAttempt: new Date(nextAttempt) }),
      text: `${handler}: "${subject}"${this.placeOf()} ${this.explain(handler)}`,
    };
  }

  private explain(handler: string): string {
    const { state, deliveryCount, lastError, nextAttempt } = this;
    const age = Math.round(performance.now() - this.since);
    const failed = lastError === undefined ? '' : `, after it failed with ${nameOf(lastError.error)}`;
    if (state === 'running') return `has been running for ${age} ms in delivery ${deliveryCount}${failed}`;
    const status = this.statusOf(handler);
    const because = status === undefined ? '' : `; the handler ${status}`;
    if (state === 'expected') return `was not delivered within ${age} ms${because}`;
    if (this.isLost)
      return (
        `was not settled in delivery ${deliveryCount}${failed}, because its connection was closed before; it is delivered again ` +
        `after its ackWait${because}`
      );
    const left = nextAttempt === undefined ? undefined : Math.max(0, nextAttempt - Date.now());
    const next = left === undefined ? 'it is delivered again later' : `next attempt in ${left} ms`;
    return `was returned in delivery ${deliveryCount}${failed}; ${next}${because}`;
  }
}

function deliveryCountOf({ metadata }: ObservedDelivery): number {
  return metadata?.deliveryCount ?? 1;
}

function nameOf(error: unknown): string {
  const name = errorClass(error);
  return name === undefined ? errorText(error) : `${name}: ${errorText(error)}`;
}
