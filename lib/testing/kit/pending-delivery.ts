import { errorClass, errorText, printable } from '../../reporting/index.js';
import type { PendingWork } from './errors.js';
import type { HandlerGroup } from './handler-groups.js';
import type { Pending } from './running-flow.js';

/** Explains why a handler does not receive its messages, such as `is paused`; `undefined` if it runs. */
export type StatusOf = (handler: string) => string | undefined;

/** A message that a group of handlers receives, from the publish until it is settled for good. */
export class PendingDelivery implements Pending {
  state: 'expected' | 'running' | 'retrying' = 'expected';
  /** The handler that received it. */
  handler: string | undefined;
  deliveryCount = 0;
  /** Whether it is settled for good. */
  isOver = false;
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
    return this.state === 'running' && !this.isOver;
  }

  started(handler: string, deliveryCount: number): void {
    this.state = 'running';
    this.handler = handler;
    this.deliveryCount = deliveryCount;
    this.since = performance.now();
  }

  /**
   * The message is delivered again, after `delay` milliseconds if that is known.
   *
   * @param isLost whether its ack wait was over, or its connection closed, before it was settled
   */
  returned(error: unknown, delay: number | undefined, isLost: boolean): void {
    this.isLost = isLost;
    this.state = 'retrying';
    this.since = performance.now();
    if (error !== undefined) this.lastError = { error };
    this.nextAttempt = delay === undefined ? undefined : Date.now() + delay;
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
        `was not settled in time in delivery ${deliveryCount}${failed}: it is delivered again, unless the server has accepted a ` +
        `late acknowledgement; raise ackWait or maxProcessingTime of the handler${because}`
      );
    const left = nextAttempt === undefined ? undefined : Math.max(0, nextAttempt - Date.now());
    const next = left === undefined ? 'it is delivered again later' : `next attempt in ${left} ms`;
    return `was returned in delivery ${deliveryCount}${failed}; ${next}${because}`;
  }
}

function nameOf(error: unknown): string {
  const name = errorClass(error);
  return name === undefined ? errorText(error) : `${name}: ${errorText(error)}`;
}
