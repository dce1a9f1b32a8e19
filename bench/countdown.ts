/** Counts operations and reports the first and the last one. */
export class Countdown {
  private remaining = 0;
  private operations = 0;
  private onFirst: () => void = () => undefined;
  private onLast: () => void = () => undefined;

  /** Resolves after that many calls of {@link count}; calls `onFirst` in the first of them. */
  from(operations: number, onFirst: () => void): Promise<void> {
    this.operations = operations;
    this.remaining = operations;
    this.onFirst = onFirst;
    return new Promise((resolve) => (this.onLast = resolve));
  }

  count(): void {
    if (this.remaining === this.operations) this.onFirst();
    if (--this.remaining === 0) this.onLast();
  }
}
