import { sleep } from '../../../timing/index.js';

/** Spreads calls, so that at most a number of them begins in each second. */
export class Pace {
  private next = 0;
  private readonly gap: number;

  /** @param rate calls per second; `undefined` without a limit */
  constructor(rate: number | undefined) {
    this.gap = rate === undefined ? 0 : 1_000 / rate;
  }

  /** Resolves when the next call may begin, or the signal is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.gap === 0) return;
    const now = performance.now();
    const at = Math.max(now, this.next);
    this.next = at + this.gap;
    if (at > now) await sleep(at - now, signal);
  }
}
