/**
 * How many bytes may be on their way to the stream: grows while acknowledgements come back quickly, shrinks when they
 * take long or chunks are refused. A fixed window either starves a near server or floods a replicated stream, whose
 * leader then drops or refuses what it cannot queue.
 */
export class SendWindow {
  private bytes = START;
  private growthLimit = MAXIMUM;
  private shrunkAt = 0;

  /** @param minimum one chunk, in bytes: the window never gets smaller */
  constructor(private readonly minimum: number) {
    this.bytes = Math.max(START, minimum);
  }

  /** The window, in bytes. */
  get size(): number {
    return this.bytes;
  }

  /** A chunk of that many bytes was acknowledged after that many milliseconds. */
  acknowledged(bytes: number, elapsed: number): void {
    if (elapsed < QUICK) {
      // Doubles with each round until the size that last was too much, then grows by one chunk a round.
      const growth = this.bytes < this.growthLimit ? bytes : (bytes * this.minimum) / this.bytes;
      this.bytes = Math.min(MAXIMUM, this.bytes + growth);
    } else if (elapsed > SLOW) {
      this.shrink(3 / 4, elapsed);
    }
  }

  /** A chunk was refused or got lost. */
  refused(): void {
    this.shrink(1 / 2, 0);
  }

  /** @param pause what shrank it less than that many milliseconds ago has had no effect yet */
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
