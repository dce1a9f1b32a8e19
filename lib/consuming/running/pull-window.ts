/**
 * The number of messages that may be requested, buffered or in flight: as many as can be handled in half of `ackWait`
 * at the recent rate. While no message has to wait, the window is doubled.
 *
 * The first pull requests no more messages than are handled at once: if a message crashes its process at each delivery,
 * messages delivered together with it would use up their deliveries too.
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

  /** The window for the next pull, given the total number of handled messages and whether any message is waiting. */
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
