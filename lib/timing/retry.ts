import { Backoff, type BackoffOptions } from './backoff.js';
import type { Deadline } from './deadline.js';
import { sleep } from './timer.js';

/** The options of {@link retry}. */
export interface RetryLoop extends BackoffOptions {
  /** Whether an error may be temporary; any other error is thrown immediately. */
  readonly retryable: (error: unknown) => boolean;
  /** The deadline of retries; without one, they continue until `signal` is aborted. */
  readonly deadline?: Deadline;
  /**
   * How long before the deadline a last attempt is made, in milliseconds, if the next wait would leave no time for
   * another one. Default: there is no such attempt.
   */
  readonly lastAttempt?: number;
  /** Ends the loop: the last error is thrown. */
  readonly signal?: AbortSignal;
  /** Called before each wait. It must not throw. */
  readonly onRetry?: (error: unknown, wait: number) => void;
}

/**
 * Repeats an operation that is safe to repeat until it succeeds, with backoff and jitter.
 *
 * @throws the operation's last error, if it is not retryable, the deadline leaves no time for another attempt, or the
 * signal is aborted
 */
export async function retry<T>(operation: () => Promise<T>, loop: RetryLoop): Promise<T> {
  const backoff = new Backoff(loop);
  for (;;) {
    try {
      return await operation();
    } catch (error) {
      if (loop.signal?.aborted === true || !loop.retryable(error)) throw error;
      const wait = nextWait(backoff, loop);
      if (wait === undefined) throw error;
      loop.onRetry?.(error, wait);
      await sleep(wait, loop.signal);
      if (isAborted(loop.signal)) throw error;
    }
  }
}

/** The options of {@link recover}. */
export interface RecoveryLoop {
  /** The waits between attempts. It belongs to the caller, so that they grow if what was recovered is lost again soon. */
  readonly backoff: Backoff;
  /** Ends the loop. */
  readonly signal: AbortSignal;
  /** The wait before the first attempt, in milliseconds. Default: the next one of the backoff. */
  readonly firstWait?: number;
  /** Called after each failed attempt. It must not throw. */
  readonly onFailure?: (error: unknown, wait: number) => void;
}

/**
 * Repeats an attempt to recover something that was lost, until it succeeds or the signal is aborted.
 *
 * @returns whether an attempt succeeded before the signal was aborted
 */
export async function recover(
  attempt: () => Promise<unknown>,
  { backoff, signal, firstWait, onFailure }: RecoveryLoop,
): Promise<boolean> {
  for (let wait = firstWait ?? backoff.next(); ;) {
    await sleep(wait, signal);
    if (signal.aborted) return false;
    try {
      await attempt();
      if (isAborted(signal)) return false;
      backoff.succeeded();
      return true;
    } catch (error) {
      wait = backoff.next();
      onFailure?.(error, wait);
    }
  }
}

/** The wait before the next attempt; `undefined` if there is no time for one. */
function nextWait(backoff: Backoff, { deadline, lastAttempt = Infinity }: RetryLoop): number | undefined {
  const wait = backoff.next();
  if (deadline === undefined || deadline.left > wait) return wait;
  const untilLast = deadline.left - lastAttempt;
  return untilLast > 0 ? untilLast : undefined;
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
