const FIRST_WINDOW = 16;

/**
 * How many messages may be asked for, buffered or in the works: as much as could be handled in half of `ackWait` at the
 * pace of late; while nothing has to wait, twice as much as before.
 */
export class PullWindow {
  private current: number;
  private measuredAt = performance.now();
  private measuredHandled = 0;

  constructor(
    private readonly least: number,
    private readonly most: number,
    /** In milliseconds. */
    private readonly ackWait: number,
  ) {
    this.current = Math.max(FIRST_WINDOW, least);
  }

  /** The window for the next pull, given how many were handled in all, and whether any are waiting. */
  next(handled: number, isBusy: boolean): number {
    const now = performance.now();
    const elapsed = now - this.measuredAt;
    this.current *= 2;
    if (isBusy && elapsed > 0) {
      const pace = (handled - this.measuredHandled) / elapsed;
      this.current = Math.min(this.current, Math.floor((pace * this.ackWait) / 2));
    }
    this.measuredAt = now;
    this.measuredHandled = handled;
    this.current = Math.max(this.least, Math.min(this.most, this.current));
    return this.current;
  }
}
