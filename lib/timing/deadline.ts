import { Timer } from './timer.js';

/** One limit in time that several steps share: each gets what the steps before it have left. */
export class Deadline {
  private readonly endsAt: number;

  /** @param timeout in milliseconds from now, of any number; `Infinity` never ends */
  constructor(timeout: number) {
    this.endsAt = performance.now() + Math.max(0, timeout);
  }

  /** The milliseconds that are left, 0 when the limit has passed. */
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
 * Waits until a promise settles, but no longer than so many milliseconds, of any number. Never rejects: a promise that
 * rejects counts as settled, and its error belongs to whoever made it.
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
