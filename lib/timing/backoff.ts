/** Options of a {@link Backoff}, in milliseconds. */
export interface BackoffOptions {
  /** The first wait. */
  readonly first: number;
  /** The longest wait. */
  readonly longest: number;
  /** How long a success has to last before the waits start again with the first. Default: `longest`. */
  readonly resetAfter?: number;
}

/**
 * The waits of a retry loop: each is twice the previous one, reduced by a random fraction of up to half, so that
 * clients that failed together do not retry together.
 *
 * A success resets the waits only if it lasts: a loop whose attempts succeed and then fail immediately still backs off.
 */
export class Backoff {
  private attempt = 0;
  private succeededAt: number | undefined;

  constructor(private readonly options: BackoffOptions) {}

  /** The number of waits since the last reset. */
  get attempts(): number {
    return this.attempt;
  }

  /** How long to wait before the next attempt, in milliseconds. */
  next(): number {
    const { first, longest, resetAfter = longest } = this.options;
    if (this.succeededAt !== undefined && performance.now() - this.succeededAt >= resetAfter)
      this.attempt = 0;
    this.succeededAt = undefined;
    const wait = Math.min(longest, first * 2 ** Math.min(this.attempt++, 30));
    return Math.round(wait * (1 - Math.random() / 2));
  }

  /** Called when an attempt succeeded. */
  succeeded(): void {
    this.succeededAt ??= performance.now();
  }
}
