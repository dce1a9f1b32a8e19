/**
 * A limit in time that steps share and use up only while at least one of them runs: what happens between the steps is not
 * counted. Steps that run at the same time use the budget once.
 */
export class TimeBudget {
  private used = 0;
  private running = 0;
  private since = 0;

  /** @param timeout in milliseconds, of any number; `Infinity` never ends */
  constructor(readonly timeout: number) {}

  /** The milliseconds that are left, 0 when the budget is used up. */
  get left(): number {
    const used = this.used + (this.running > 0 ? performance.now() - this.since : 0);
    return Math.max(0, this.timeout - used);
  }

  /** Runs a step on the budget. It is not ended when the budget is used up: a step asks for what is {@link left}. */
  async spend<T>(step: () => Promise<T>): Promise<T> {
    if (this.running++ === 0) this.since = performance.now();
    try {
      return await step();
    } finally {
      if (--this.running === 0) this.used += performance.now() - this.since;
    }
  }
}
