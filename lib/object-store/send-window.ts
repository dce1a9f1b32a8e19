/**
 * The number of bytes that may be in flight to the stream: it grows while acknowledgements arrive quickly, and shrinks
 * when they take long or chunks are refused. A fixed window is either too small for a nearby server or too large for a
 * replicated stream, whose leader then drops or refuses chunks that it cannot queue.
 */
export class SendWindow {
  private bytes = START;
  private growthLimit = MAXIMUM;
  private shrunkAt = 0;

  /** @param minimum the size of one chunk, in bytes: the window never gets smaller */
  constructor(private readonly minimum: number) {
    this.bytes = Math.max(START, minimum);
  }

  /** The window, in bytes. */
  get size(): number {
    return this.bytes;
  }

  /** Called when a chunk was acknowledged, with its size in bytes and the elapsed time in milliseconds. */
  acknowledged(bytes: number, elapsed: number): void {
    if (elapsed < QUICK) {
      // Doubles with each round trip until the last size that was too large, then grows by one chunk per round trip.
      const growth = this.bytes < this.growthLimit ? bytes : (bytes * this.minimum) / this.bytes;
      this.bytes = Math.min(MAXIMUM, this.bytes + growth);
    } else if (elapsed > SLOW) {
      this.shrink(3 / 4, elapsed);
    }
  }

  /** Called when a chunk was refused or lost. */
  refused(): void {
    this.shrink(1 / 2, 0);
  }

  /**
   * @param pause the minimum time between two reductions, in milliseconds, because a reduction takes time to have an
   * effect
   */
  private shrink(factor: number, pause: number): void {
    const now = performance.now();
    if (now - this.shrunkAt < pause) return;
    this.shrunkAt = now;
    this.bytes = Math.max(this.minimum, this.bytes * factor);
    this.growthLimit = this.bytes;
  }
}

const START = 1_048_576;
const MAXIMUM = 8 * 1_048_576;
const QUICK = 200;
const SLOW = 1_000;
