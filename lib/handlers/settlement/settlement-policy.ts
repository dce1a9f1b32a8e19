/**
 * When a message counts as handled:
 * - `auto`: acknowledged when the handler has returned or resolved;
 * - `confirmed`: the same, and the next message waits until the server has confirmed it;
 * - `manual`: never by itself: the handler settles it through its context, or `ackWait` decides. A handler that throws
 *   is treated as in `auto`.
 */
export type AckMode = 'auto' | 'confirmed' | 'manual';

/** What happens to a message whose handler throws. */
export interface RetryOptions {
  /**
   * How often a message is delivered at the most. Default: 5 with `deadLetter`, else without end, so that nothing is
   * lost.
   */
  readonly maxDeliver?: number;
  /**
   * How long to wait before each further delivery, in milliseconds; the last counts for all that follow.
   * Default `[1_000, 5_000, 30_000]`.
   */
  readonly backoff?: readonly number[];
}

/** The rules that one handler's messages are settled by, complete and checked. */
export interface SettlementPolicy {
  /** Class and method, such as `Billing.onCreated`. */
  readonly handler: string;
  readonly stream: string;
  readonly consumer: string;
  readonly ackMode: AckMode;
  /** `Infinity`: without end. */
  readonly maxDeliver: number;
  readonly backoff: readonly number[];
  readonly deadLetter: boolean;
}

export const DEFAULT_BACKOFF: readonly number[] = [1_000, 5_000, 30_000];
export const DEFAULT_MAX_DELIVER_WITH_DEAD_LETTER = 5;

/** How long to wait after the given delivery, counted from 1, in milliseconds. */
export function backoffOf(policy: SettlementPolicy, delivery: number): number {
  const { backoff } = policy;
  return backoff[Math.min(delivery, backoff.length) - 1] ?? 0;
}
