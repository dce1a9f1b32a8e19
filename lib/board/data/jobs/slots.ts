import { onAbort } from '../../../user-code/index.js';

/** Limits how many runs work at the same time. The others wait in their order. */
export class Slots {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly count: number) {}

  /** Runs work in a slot, unless the signal is aborted before one is free. */
  async within(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (this.taken >= this.count && !signal.aborted) await this.next(signal);
    if (signal.aborted) return;
    this.taken++;
    try {
      await work();
    } finally {
      this.taken--;
      const [first] = this.waiting;
      first?.();
    }
  }

  private next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        callOff();
        resolve();
      };
      const callOff = onAbort(signal, wake);
      this.waiting.add(wake);
    });
  }
}
