import { Timer } from './timer.js';

/** A time limit that several steps share: each gets the time that the earlier steps have left. */
export class Deadline {
  private readonly endsAt: number;

  /** @param timeout in milliseconds from now, any number; `Infinity` never ends */
  constructor(timeout: number) {
    this.endsAt = performance.now() + Math.max(0, timeout);
  }

  /** The remaining time in milliseconds; 0 when the limit has passed. */
  get left(): number {
    return Math.max(0, this.endsAt - performance.now());
  }

  /** Whether the limit has passed. */
  get passed(): boolean {
    return this.left === 0;
  }

  /** Waits for a promise within the limit. See {@link within}. */
  wait(promise: PromiseLike<unknown>): Promise<boolean> {
    return within(this.left, promise);
  }
}

/**
 * Waits until a promise settles, but at most for the timeout in milliseconds, which may be any number. Never rejects: a
 * promise that rejects counts as settled, and its creator must handle the error.
 *
 * @returns whether the promise settled in time
 */
export function within(timeout: number, promise: PromiseLike<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = new Timer(timeout, () => resolve(false));
    const settled = (): void => {
      timer.cancel();
      resolve(true);
    };
    promise.then(settled, settled);
  });
}
