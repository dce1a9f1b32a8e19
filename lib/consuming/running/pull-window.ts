/**
 * How many messages may be asked for, buffered or in the works: as much as could be handled in half of `ackWait` at the
 * pace of late; while nothing has to wait, twice as much as before.
 *
 * The first pull asks for no more than is handled at once: where a message kills its process whenever it comes, those
 * delivered with it would use up their deliveries too.
 */
export class PullWindow {
  private current = 0;
  private measuredAt = performance.now();
  private measuredHandled = 0;

  constructor(
    private readonly least: number,
    private readonly most: number,
    /** In milliseconds. */
    private readonly ackWait: number,
  ) {}

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
