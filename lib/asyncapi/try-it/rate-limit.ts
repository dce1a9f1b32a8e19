/** Allows a number of actions in a minute. Unused ones are kept for a minute. */
export class RateLimit {
  private readonly perMillisecond: number;
  private left: number;
  private readAt = performance.now();

  constructor(private readonly perMinute: number) {
    this.perMillisecond = perMinute / 60_000;
    this.left = perMinute;
  }

  /** @returns after how many seconds an action is allowed; 0 if this one is */
  admit(): number {
    const now = performance.now();
    this.left = Math.min(this.perMinute, this.left + (now - this.readAt) * this.perMillisecond);
    this.readAt = now;
    if (this.left < 1) return Math.max(1, Math.ceil((1 - this.left) / this.perMillisecond / 1_000));
    this.left--;
    return 0;
  }
}
